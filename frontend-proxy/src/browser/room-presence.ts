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
import { LastLeave } from './last-leave.ts'
import { Membership } from './membership.ts'
import { type Refusal, withoutMissing } from './payload.ts'
import { RoomState } from './room-state.ts'
import type { Emit, JoinOptions, LeaveReason, Profile } from './signaling-events.ts'
import { type Slot, type Slots, type SlotUser, slotKey, slotsOfPage } from './slots.ts'
import { type NoToken, TokenSource } from './token-source.ts'

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
  #isListenedTo = false
  /** True after a newer client of this page has taken over the slot. */
  #isReplaced = false
  readonly #lastLeave: LastLeave

  constructor(options: PresenceOptions) {
    this.#options = options
    this.#connection = options.connection
    this.#lastLeave = new LastLeave(options.connection)
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
    const hasSentLeave = this.#lastLeave.send(this.#membership, this.#slot)
    this.end(why, undefined, hasSentLeave)
  }

  /** Must be called when a connection was opened. */
  opened(): void {
    this.#lastLeave.opened()
    this.#membership?.sendJoin()
  }

  /**
   * Whether an error with this `ref` refuses the join that was only sent so that the client could
   * leave.
   */
  isJoinToLeave(ref: unknown): boolean {
    return this.#lastLeave.isRefusedBy(ref)
  }

  /** Must be called when the sidecar may have ignored frames. */
  sendAgain(): void {
    this.#lastLeave.sendAgain(this.#membership)
    this.#membership?.sendAgain()
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
    const expectsOldList = this.#lastLeave.expectsListFor(room)
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
