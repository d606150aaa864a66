/**
 * One page's place in one room of the sidecar, and its view of the lobby.
 *
 * 1. When the connection was lost and is back, the session is resumed: what was missed comes, what
 *    was sent meanwhile goes, and nobody noticed. Until the room has answered, `peers` is what was
 *    known last. A page that was loaded anew reclaims its id, and gets a list.
 * 2. What is sent without a connection is kept, within bounds, once there was a first answer; before
 *    it, or with a sidecar that cannot resume, nothing is: `relay` and `broadcast` say which it was.
 * 3. A membership ends in one place, `#end`, with one `left` that says why.
 * 4. Which client of a page is in a room, and under which id, is `places.ts`'s to say.
 */

import { Connection, type Dismissal, type OpenSocket } from './connection.ts'
import {
  adviseOnEnd,
  adviseOnRefusal,
  adviseOnReplacedClient,
  adviseOnSecondClient,
} from './console-advice.ts'
import { ownOriginUrl } from './default-url.ts'
import {
  type ErrorFrame,
  type Peer,
  type PeerJoinedFrame,
  type PeerLeftFrame,
  type PeerListFrame,
  type PeerUpdatedFrame,
  parseFrame,
  type RelayedFrame,
  type RelayKind,
  type ResumedFrame,
  type ServerFrame,
} from './frames.ts'
import type { Identity } from './identity.ts'
import { Admission } from './join-request.ts'
import { wellFormed } from './json-text.ts'
import { Membership } from './membership.ts'
import { observe } from './observe.ts'
import { plain, plainProfile, type Refusal, refuseProfile, TOO_DEEP, wrap } from './payload.ts'
import type {
  JoinOptions,
  LeaveReason,
  Profile,
  SignalingEvents,
  SignalingOptions,
} from './signaling-events.ts'
import { type Holder, type Slot, type Slots, slotKey, slotsOfPage } from './slots.ts'
import { pageReport, type TraceReport } from './trace-report.ts'
import { TypedEventTarget } from './typed-events.ts'

export class SignalingClient extends TypedEventTarget<SignalingEvents> {
  readonly #connection: Connection
  readonly #url: () => string | undefined
  readonly #slots: Slots = slotsOfPage()
  readonly #peers = new Map<string, Peer>()
  #profile: Profile
  #membership: Membership | undefined
  #slot: Slot | undefined
  /** What was joined last. */
  #last: { readonly room: string; readonly options: JoinOptions } | undefined
  #watching = false
  #isListenedTo = false
  /** A newer client of this page has taken the place. */
  #isReplaced = false
  #joinedAt: number | undefined
  #iceServers: RTCIceServer[] = []

  /** With `room` it connects and joins; without, it does nothing until `join` or `watchRooms`. */
  constructor(options: SignalingOptions = {}) {
    super()
    const { room, url, WebSocket, name, metadata, ...join } = options
    this.#profile = plainProfile({
      ...(name !== undefined && { name }),
      ...(metadata && { metadata }),
    })
    this.#url = () => (url === undefined ? ownOriginUrl() : String(url))
    this.#connection = new Connection(this.#url, this.#listener, WebSocket)
    if (room !== undefined) this.join(room, join)
  }

  /** The room one is in, or wants to be in as soon as there is a connection. */
  get room(): string | undefined {
    return this.#membership?.room
  }

  /** One's own id in that room. */
  get peerId(): string | undefined {
    return this.#membership?.identity.peerId
  }

  /** What the others see as this page's `Peer.instance`: another one after each load of the page. */
  get instance(): string | undefined {
    return this.#membership?.admission.instance
  }

  /** True from the room's answer until the connection is lost or the room is left. */
  get joined(): boolean {
    return this.#membership?.joined === true
  }

  /** When one joined, by the sidecar's clock, if it says so. */
  get joinedAt(): number | undefined {
    return this.#joinedAt
  }

  get state(): 'idle' | 'connecting' | 'connected' {
    if (this.#connection.isOpen) return 'connected'
    return this.#connection.isWanted ? 'connecting' : 'idle'
  }

  /** The others in the room as the sidecar last described them. */
  get peers(): ReadonlyMap<string, Peer> {
    return this.#peers
  }

  /** STUN and TURN servers that the sidecar proposes. */
  get iceServers(): RTCIceServer[] {
    return this.#iceServers
  }

  /** Goes to a room, out of the one it is in; without a room to the one it was in last. */
  join(name = this.#last?.room, options = this.#last?.options ?? {}): void {
    if (name === undefined) throw new TypeError('join() needs a room: this client was in none yet')
    const room = wellFormed(name, 'room') // as the sidecar's answer will have it
    const peerId = options.peerId && wellFormed(options.peerId, 'peerId')
    if (this.#membership?.room === room) return
    if (this.#membership !== undefined) this.#leave('moved')
    this.#last = { room, options }
    this.#isReplaced = false
    const key = slotKey(this.#url, room, options.slot)
    const slot = this.#slots.take(key, this.#holder, peerId)
    this.#slot = slot
    this.#enter(slot.identity)
    slot.tellEarlier()
  }

  /** Leaves the room; the connection stays, for the lobby or the next room. */
  leave(): void {
    if (this.#membership !== undefined) this.#leave('left')
  }

  /**
   * Changes what the others see; without a room it counts from the next join. What the sidecar would
   * not take is `refused`, and changes nothing.
   */
  update(profile: Profile): void {
    const changes = plainProfile(profile)
    const refusal = refuseProfile(changes)
    if (refusal !== undefined) {
      this.#refuse(refusal)
      return
    }
    this.#profile = { ...this.#profile, ...changes }
    this.#send({ type: 'update', ...changes })
  }

  /**
   * Sends to one peer of the room, now or when resumed. False: neither; too much is kept, or it is
   * `refused`. Throws a TypeError for a payload that JSON cannot hold.
   */
  relay(to: string, type: Exclude<RelayKind, 'broadcast'>, payload: object = {}): boolean {
    return this.#say(payload, { type, to: wellFormed(to, 'to') })
  }

  /** Sends to all others in the room, as `relay` does to one. */
  broadcast(payload: object = {}): boolean {
    return this.#say(payload, { type: 'broadcast' })
  }

  /**
   * Writes to the sidecar's event log what becomes of an RTCPeerConnection, whoever drives it;
   * `peerId` says whom it is to. A `Mesh` does so with its own.
   */
  observe(pc: RTCPeerConnection, peerId?: string): void {
    observe(pc, (report) => this.#trace(report), peerId)
  }

  /** Says what kind of page this is, for the event log: once for each stay in a room. */
  tracePage(): void {
    this.#trace(pageReport())
  }

  /** Asks for `rooms` events, in a room or not. */
  watchRooms(): void {
    this.#watching = true
    this.#connection.start()
    this.#connection.send({ type: 'watch_rooms' })
  }

  unwatchRooms(): void {
    this.#watching = false
    this.#connection.send({ type: 'unwatch_rooms' })
  }

  /** Leaves the room and ends the connection. `join` and `watchRooms` begin anew. */
  close(): void {
    this.#watching = false
    this.#isReplaced = false
    this.#disconnect('closed')
  }

  /**
   * Says that the page has a use for this client, as listening to it or to its mesh does. If its
   * place is a newer client's, to which the page has never listened, it takes the place back.
   */
  claim(): void {
    this.#isListenedTo = true
    if (!this.#isReplaced || this.#last === undefined) return
    const { room, options } = this.#last
    if (this.#slots.isListenedTo(slotKey(this.#url, room, options.slot))) {
      adviseOnReplacedClient(room)
    } else this.join()
  }

  protected override listenedTo(): void {
    this.claim()
  }

  readonly #listener = {
    opened: (): void => {
      this.#membership?.sendJoin()
      if (this.#watching) this.#connection.send({ type: 'watch_rooms' })
      this.emit('connected', undefined)
    },
    received: (data: unknown): void => {
      const frame = parseFrame(data)
      if (frame !== undefined) this.#receive(frame)
    },
    lost: (code: number, reason: string, dismissal: Dismissal | undefined): void => {
      const refusal = this.#membership?.disconnected(code)
      const room = this.room
      this.emit('disconnected', { code, reason, final: dismissal !== undefined })
      if (dismissal !== undefined) {
        if (room !== undefined) adviseOnEnd(room, dismissal)
        this.#end(dismissal)
      } else if (room !== undefined && refusal !== undefined) this.#refusedForGood(room, refusal)
    },
    retrying: (attempt: number): void => this.emit('reconnecting', { attempt }),
  }

  readonly #holder: Holder = {
    isListenedTo: () => this.#isListenedTo,
    replaced: (isOther) => {
      const room = this.#membership?.room
      this.#isReplaced = true
      // Later: the mesh that was its only user may be closed already, and then it is about to be.
      if (room !== undefined && this.#isListenedTo) {
        setTimeout(() => this.#isReplaced && adviseOnSecondClient(room))
      }
      if (isOther) this.#connection.send({ type: 'leave' })
      this.#disconnect('replaced')
      if (this.#watching) this.watchRooms()
    },
    restored: (identity) => {
      this.#membership?.end()
      this.#enter(identity)
      this.#connection.reconnect()
    },
  }

  #enter(identity: Identity): void {
    if (this.#last === undefined) return
    const { room, options } = this.#last
    const profile = () => this.#profile
    const admission = new Admission(this.#connection, room, identity, options, profile)
    this.#membership = new Membership(this.#connection, admission, (refusal) =>
      this.#refuse(refusal),
    )
    this.#slot?.become(admission.identity)
    this.#connection.start()
    this.#membership.sendJoin()
  }

  #leave(why: 'left' | 'moved'): void {
    this.#connection.send({ type: 'leave' })
    this.#end(why)
  }

  #disconnect(why: 'closed' | 'replaced'): void {
    const socket = this.#connection.release()
    this.#end(why, socket)
    if (socket !== undefined) {
      this.emit('disconnected', { code: 1000, reason: '', final: !this.#connection.isWanted })
    }
  }

  #trace(report: TraceReport): void {
    // What a later one says too is not worth a place among what is kept for the next connection.
    if (report.event !== 'stats' || this.joined) this.#send({ type: 'trace', ...report })
  }

  #say(payload: object, envelope: object): boolean {
    const fields = plain(payload)
    if (fields === undefined) return this.#refuse(TOO_DEEP)
    return this.#send({ ...wrap(fields), ...envelope })
  }

  #refuse(refusal: Refusal): false {
    this.emit('refused', { ...refusal, room: undefined })
    return false
  }

  #send(frame: object): boolean {
    return this.#membership?.send(frame) === true
  }

  /** `socket`: the connection has been ended as well, and this is what is left of it. */
  #end(why: LeaveReason, socket?: OpenSocket): void {
    if (this.#membership === undefined) {
      socket?.close()
      return
    }
    const { room } = this.#membership
    this.#membership.end()
    this.#membership = undefined
    this.#joinedAt = undefined
    this.#peers.clear()
    this.#giveUp(why, socket)
    this.emit('left', { room, why })
  }

  #giveUp(why: LeaveReason, socket: OpenSocket | undefined): void {
    const slot = this.#slot
    this.#slot = undefined
    if (why === 'closed' && socket !== undefined) slot?.giveUpSoon(socket)
    else {
      socket?.close()
      slot?.giveUp(
        why === 'replaced' || why === 'removed' || (why !== 'refused' && this.#connection.isOpen),
      )
    }
  }

  #receive(frame: ServerFrame): void {
    if (frame.type === 'peer_list') this.#answered(frame)
    else if (frame.type === 'resumed') this.#resumed(frame)
    else if (frame.type === 'not_resumed') this.#membership?.notResumed(frame.why)
    else if (this.#membership?.accepts(frame) === false) return
    else if (frame.type === 'rooms') this.emit('rooms', frame.rooms)
    else if (frame.type === 'durable') this.emit('durable', { durable: frame.durable })
    else if (frame.type === 'notice') this.emit('notice', { text: frame.text })
    else if (frame.type === 'error') this.#refused(frame)
    else if (frame.type !== 'ack' && frame.type !== 'pong' && this.joined) this.#inRoom(frame)
    // else it is about a room that was left before this frame came
  }

  #resumed(frame: ResumedFrame): void {
    const membership = this.#membership
    if (membership?.resumed(frame) !== true) return
    const { room, identity } = membership
    this.#slot?.become(identity)
    this.emit('resumed', { room, peerId: identity.peerId })
  }

  #answered(list: PeerListFrame): void {
    const membership = this.#membership
    const before = membership?.identity.peerId
    const identity = membership?.answered(list)
    if (membership === undefined || identity === undefined) return
    const { room } = membership
    const { peerId } = identity
    this.#slot?.become(identity)
    this.#joinedAt = list.joinedAt
    this.#iceServers = list.iceServers ?? []
    this.#peers.clear()
    for (const peer of list.peers) this.#peers.set(peer.peerId, peer)
    if (peerId !== before) this.emit('renamed', { room, peerId })
    this.emit('peer_list', { room, peerId, peers: list.peers })
  }

  #inRoom(frame: PeerJoinedFrame | PeerLeftFrame | PeerUpdatedFrame | RelayedFrame): void {
    switch (frame.type) {
      case 'peer_joined':
        this.#peers.set(frame.peer.peerId, frame.peer)
        this.emit('peer_joined', frame.peer)
        break
      case 'peer_left':
        this.#peers.delete(frame.peerId)
        this.emit('peer_left', { peerId: frame.peerId, reason: frame.reason })
        break
      case 'peer_updated': {
        const known = this.#peers.get(frame.peerId)
        if (known === undefined) break
        const peer = { ...known, ...frame.changes }
        this.#peers.set(frame.peerId, peer)
        this.emit('peer_updated', { peer, changes: frame.changes })
        break
      }
      default:
        this.emit(frame.type, frame)
    }
  }

  #refused({ code, message, ref }: ErrorFrame): void {
    if (code === 'out-of-order' || code === 'too-fast') this.#membership?.notCounted(code)
    if (code === 'out-of-order') return
    const admission = this.#membership?.admission
    if (admission?.isRefusedBy(ref) !== true) {
      this.#refuse({ code, message })
      return
    }
    const { room } = admission
    if (admission.refused(code)) {
      this.#slot?.become(admission.identity)
      if (admission.isStuck) adviseOnRefusal(room, code, message)
      this.emit('waiting', { room, code, message })
    } else this.#refusedForGood(room, { code, message })
  }

  #refusedForGood(room: string, { code, message }: Refusal): void {
    this.#end('refused')
    adviseOnRefusal(room, code, message)
    this.emit('refused', { code, message, room })
  }
}
