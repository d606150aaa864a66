/**
 * Joins and leaves rooms for a client. This module stores the client's membership in its current
 * room, and its slot (the stored peer id and session token, see `slots.ts`).
 *
 * 1. When the client is no longer in its room, `end` emits one `left` event with the reason.
 * 2. `slots.ts` decides which client of a page is in a room, and with which peer id.
 */

import type { Connection, OpenSocket } from './connection.ts'
import { adviseOnReplacedClient, adviseOnSecondClient } from './console-advice.ts'
import type { Identity } from './identity.ts'
import { JoinRequest } from './join-request.ts'
import { wellFormed } from './json-text.ts'
import { Membership } from './membership.ts'
import { type Refusal, withoutMissing } from './payload.ts'
import { RoomState } from './room-state.ts'
import type { Emit, JoinOptions, LeaveReason, Profile } from './signaling-events.ts'
import { type Slot, type Slots, type SlotUser, slotKey, slotsOfPage } from './slots.ts'
import { type NoToken, TokenSource } from './token-source.ts'

/** Within this time, a join is answered, or its connection is lost. */
const ANSWERED_WITHIN_MS = 5_000

export interface PresenceOptions {
  readonly connection: Connection
  readonly url: () => string | undefined
  readonly profile: () => Profile
  /** The options of the client. They apply if a call of `join` leaves them out. */
  readonly defaults: JoinOptions
  readonly emit: Emit
  /** Is called for each frame that is too large or that is dropped. */
  readonly refused: (refusal: Refusal) => void
  /** Is called if the app has no token for the join. */
  readonly noToken: (reason: NoToken) => void
  /** Is called after another client has taken over the slot. */
  readonly replaced: () => void
}

export class RoomPresence {
  readonly state: RoomState = new RoomState()
  readonly #options: PresenceOptions
  readonly #connection: Connection
  readonly #slots: Slots = slotsOfPage()
  #membership: Membership | undefined
  #slot: Slot | undefined
  #lastJoin: { readonly room: string; readonly options: JoinOptions } | undefined
  /** The room that the client has left before its join was answered, and when it left. */
  #unanswered: { readonly room: string; readonly leftAt: number } | undefined
  #isListenedTo = false
  /** True after a newer client of this page has taken over the slot. */
  #isReplaced = false
  /** The room for which the last `leave` was sent. Undefined if the `leave` was sent again. */
  #leftRoom: string | undefined
  /** The membership for which no `leave` was sent, because there was no connection, and its slot. */
  #unsentLeave: { readonly membership: Membership; readonly slot: Slot } | undefined
  /** The join that was only sent so that the client could leave. */
  #joinToLeave: JoinRequest | undefined

  constructor(options: PresenceOptions) {
    this.#options = options
    this.#connection = options.connection
  }

  get membership(): Membership | undefined {
    return this.#membership
  }

  join(
    name: string | undefined = this.#lastJoin?.room,
    options: JoinOptions = this.#lastJoin?.options ?? {},
  ): void {
    if (name === undefined) {
      throw new TypeError('join() needs a room because this client has not been in one yet')
    }
    const room = wellFormed(name, 'room') // The sidecar's answer contains this form of the name.
    const given = withoutMissing(options)
    const isAgain = this.#membership?.room === room
    if (isAgain && this.#hasJoinedWith(given)) return
    const others = isAgain ? this.#lastJoin?.options : this.#options.defaults
    const all = { ...others, ...given }
    const peerId = all.peerId && wellFormed(all.peerId, 'peerId')
    if (this.#membership !== undefined) this.leave('moved')
    if (this.#membership !== undefined) return // A listener of `left` has joined another room.
    this.#lastJoin = { room, options: all }
    this.#isReplaced = false
    const key = slotKey(this.#options.url, room, all.slot)
    const slot = this.#slots.take(key, this.#slotUser, peerId)
    this.#slot = slot
    this.#begin(slot.identity)
    slot.notifyPrevious()
  }

  /**
   * Whether the client has joined with these options. Two `token` functions count as the same value,
   * because an app may create one for each call.
   */
  #hasJoinedWith(options: JoinOptions): boolean {
    const now = { ...this.#lastJoin?.options, peerId: this.#slot?.identity.peerId }
    const names = Object.keys(options) as (keyof JoinOptions)[]
    return names.every((name) => {
      const [value, before] = [options[name], now[name]]
      return value === before || (typeof value === 'function' && typeof before === 'function')
    })
  }

  leave(why: 'left' | 'moved' | 'refused'): void {
    if (this.#membership === undefined) return
    const { room, request } = this.#membership
    if (request.isOnItsWay) this.#unanswered = { room, leftAt: Date.now() }
    const hasSentLeave = this.#connection.send({ type: 'leave' })
    this.#leftRoom = hasSentLeave ? room : undefined
    if (!hasSentLeave && this.#membership.hasBeenInRoom && this.#slot !== undefined) {
      this.#unsentLeave = { membership: this.#membership, slot: this.#slot }
    }
    this.end(why, undefined, hasSentLeave)
  }

  /** Must be called when a connection was opened. */
  opened(): void {
    this.#sendUnsentLeave()
    this.#membership?.sendJoin()
  }

  /**
   * Resumes the session that the client has left without a connection, and leaves it. Otherwise the
   * others would see this peer as away until the sidecar gives up waiting. Does nothing if another
   * join continues the session, or if the session has probably ended.
   */
  #sendUnsentLeave(): void {
    const { membership, slot } = this.#unsentLeave ?? {}
    this.#unsentLeave = undefined
    if (membership === undefined || slot === undefined || slot.isReplaced) return
    if (membership.request.hasProbablyEnded) return
    this.#joinToLeave = membership.request
    membership.sendJoin()
    this.#connection.send({ type: 'leave' })
    slot.release(true)
  }

  /**
   * Whether an error with this `ref` refuses the join that was only sent so that the client could
   * leave.
   */
  isJoinToLeave(ref: unknown): boolean {
    return this.#joinToLeave?.isRefusedBy(ref) === true
  }

  /** Must be called when the sidecar may have ignored frames. */
  sendAgain(): void {
    if (this.#leftRoom !== undefined && this.#mustLeaveAgain(this.#leftRoom)) {
      if (this.#connection.send({ type: 'leave' })) this.#leftRoom = undefined
    }
    this.#membership?.sendAgain()
  }

  /**
   * Whether the client has to send the `leave` again. This is not needed if the client joins another
   * room, because the sidecar then removes it from the old room. But without a `leave`, the sidecar
   * would take a second join of the same room for a request for a new list, and the other peers
   * would not learn the new instance.
   */
  #mustLeaveAgain(leftRoom: string): boolean {
    const membership = this.#membership
    if (membership === undefined) return true
    return membership.room === leftRoom && membership.asking && !membership.hasBeenInRoom
  }

  /** Leaves the room and closes the connection. */
  close(): void {
    this.#isReplaced = false
    this.#disconnect('closed')
  }

  /** Sends or keeps a frame. Returns false if the frame can be neither sent nor kept. */
  send(frame: object): boolean {
    return this.#membership?.send(frame) === true
  }

  /** Stores the identity of this client in its slot. */
  storeIdentity(identity: Identity): void {
    if (this.#slot !== undefined) this.#slot.identity = identity
  }

  /**
   * Must be called when the page adds a listener to this client. If a newer client has taken over
   * the slot, and the page has never added a listener to the newer one, this client takes the slot
   * back.
   */
  listenedTo(): void {
    this.#isListenedTo = true
    if (!this.#isReplaced || this.#lastJoin === undefined) return
    const { room, options } = this.#lastJoin
    if (this.#slots.isListenedTo(slotKey(this.#options.url, room, options.slot))) {
      adviseOnReplacedClient(room)
    } else this.join()
  }

  /**
   * Ends the membership, and closes the `socket` of a connection that was released. If no `leave`
   * was sent, the session may still exist.
   */
  end(why: LeaveReason, socket?: OpenSocket, hasSentLeave = false): void {
    if (this.#membership === undefined) {
      socket?.close()
      return
    }
    const { room } = this.#membership
    this.#membership.end()
    this.#membership = undefined
    this.state.clear()
    this.#releaseSlot(why, socket, hasSentLeave)
    this.#options.emit('left', { room, why })
  }

  #begin(identity: Identity): void {
    if (this.#lastJoin === undefined) return
    const { room, options } = this.#lastJoin
    const { profile, refused, noToken } = this.#options
    // Each join gets its own tokens, because another user may have logged in since the last join.
    const tokens = new TokenSource(options.token)
    const details = { options, profile, tokens, noToken }
    const request = new JoinRequest(this.#connection, room, identity, details)
    const { room: left, leftAt = 0 } = this.#unanswered ?? {}
    const expectsOldList = left === room && Date.now() < leftAt + ANSWERED_WITHIN_MS
    this.#membership = new Membership(this.#connection, request, refused, expectsOldList)
    this.storeIdentity(request.identity)
    this.#connection.start()
    this.#membership.sendJoin()
  }

  #disconnect(why: 'closed' | 'replaced'): void {
    const socket = this.#connection.release()
    this.end(why, socket)
    if (why === 'replaced') this.#options.replaced()
    if (socket === undefined) return
    const final = !this.#connection.isWanted
    this.#options.emit('disconnected', { code: 1000, reason: '', final })
  }

  #releaseSlot(why: LeaveReason, socket: OpenSocket | undefined, hasSentLeave: boolean): void {
    const slot = this.#slot
    this.#slot = undefined
    if (why === 'closed' && socket !== undefined) {
      slot?.releaseSoon(socket)
      return
    }
    socket?.close()
    const isEndedByOther = why === 'replaced' || why === 'removed'
    slot?.release(isEndedByOther || hasSentLeave)
  }

  readonly #slotUser: SlotUser = {
    isListenedTo: () => this.#isListenedTo,
    replaced: (hasOtherId) => {
      const room = this.#membership?.room
      this.#isReplaced = true
      if (room !== undefined && this.#isListenedTo) {
        // The advice is printed later, because the page may be about to close this client.
        setTimeout(() => this.#isReplaced && adviseOnSecondClient(room))
      }
      if (hasOtherId) this.#connection.send({ type: 'leave' })
      this.#disconnect('replaced')
    },
    restored: (identity) => {
      this.#membership?.end()
      this.#begin(identity)
      this.#connection.reconnect()
    },
  }
}
