/** Handles the frames that a client receives from the sidecar, and emits the events for them. */

import { adviseOnRefusal } from './console-advice.ts'
import type { ErrorFrame, PeerListFrame, ResumedFrame, RoomsFrame, ServerFrame } from './frames.ts'
import { SLOW_DOWN_MS } from './membership.ts'
import type { Refusal } from './payload.ts'
import type { RoomPresence } from './room-presence.ts'
import type { RoomWatch } from './room-watch.ts'
import type { Emit } from './signaling-events.ts'

export class RoomFrames {
  readonly #presence: RoomPresence
  readonly #watch: RoomWatch
  readonly #emit: Emit
  #slowTimer: ReturnType<typeof setTimeout> | undefined

  constructor(presence: RoomPresence, watch: RoomWatch, emit: Emit) {
    this.#presence = presence
    this.#watch = watch
    this.#emit = emit
  }

  receive(frame: ServerFrame): void {
    const { membership, state } = this.#presence
    if (frame.type === 'peer_list') this.#receiveList(frame)
    else if (frame.type === 'resumed') this.#receiveResumed(frame)
    else if (frame.type === 'not_resumed') membership?.notResumed(frame.why)
    else if (membership?.accepts(frame) === false) return
    else if (frame.type === 'rooms') this.#receiveRooms(frame)
    else if (frame.type === 'durable') this.#emit('durable', { durable: frame.durable })
    else if (frame.type === 'notice') this.#emit('notice', { text: frame.text })
    else if (frame.type === 'error') this.#receiveError(frame)
    else if (frame.type === 'ack' || frame.type === 'pong') return
    // Frames for a room that the client has left may still arrive; they are ignored.
    else if (membership?.isInRoom) state.apply(frame, this.#emit)
  }

  /** Handles a refusal of the join. Some refusals are temporary. */
  refuseJoin({ code, message }: Refusal): void {
    const { membership } = this.#presence
    if (membership === undefined || membership.renewalRefused()) return
    const { request } = membership
    this.#watch.joinAnswered() // before the next join is sent
    const { room } = request
    if (request.refused(code)) {
      this.#presence.storeIdentity(request.identity)
      if (request.isStuck) adviseOnRefusal(room, code, message)
      this.#emit('waiting', { room, code, message })
    } else this.joinRefused(room, { code, message })
  }

  /** Ends the membership because the sidecar will not accept the join. */
  joinRefused(room: string, { code, message }: Refusal): void {
    // If the refused join has only asked for a new list, this connection is still in the room.
    if (this.#presence.membership?.isInRoom) this.#presence.leave('refused')
    else this.#presence.end('refused')
    adviseOnRefusal(room, code, message)
    this.#emit('refused', { code, message, room })
  }

  #receiveResumed(frame: ResumedFrame): void {
    const { membership } = this.#presence
    if (membership?.resumed(frame) !== true) return
    const { room, identity } = membership
    this.#presence.storeIdentity(identity)
    this.#watch.joinAnswered()
    this.#emit('resumed', { room, peerId: identity.peerId })
  }

  #receiveList(list: PeerListFrame): void {
    const { membership } = this.#presence
    if (membership?.renewed(list)) {
      this.#presence.storeIdentity(membership.identity)
      this.#presence.state.iceServers = list.iceServers ?? []
      return
    }
    const earlierId = membership?.identity.peerId
    const identity = membership?.answered(list)
    if (membership === undefined || identity === undefined) return
    const { room } = membership
    const { peerId } = identity
    this.#presence.storeIdentity(identity)
    this.#presence.state.replace(list)
    this.#watch.joinAnswered()
    if (peerId !== earlierId) this.#emit('renamed', { room, peerId })
    this.#emit('peer_list', { room, peerId, peers: list.peers })
  }

  #receiveError({ code, message, ref }: ErrorFrame): void {
    const { membership } = this.#presence
    if (code === 'out-of-order' || code === 'too-fast') membership?.frameIgnored(code)
    if (code === 'out-of-order' || this.#presence.isJoinToLeave(ref)) return
    if (code === 'too-fast') this.#sendAgainSoon()
    // This error answers a `leave` that was sent while the refusal of the join was on its way.
    if (code === 'not-joined' && membership?.joined !== true) return
    const refusal = { code, message }
    if (this.#watch.isRefusedBy(code, ref)) this.#watch.refused(refusal)
    else if (membership?.request.isRefusedBy(ref)) this.refuseJoin(refusal)
    else this.#emit('refused', { ...refusal, room: undefined })
  }

  /**
   * Sends the frames without an answer again after a delay. The sidecar sends `too-fast` at most
   * once per second. In that second, it may ignore more frames (for example a `leave` and the join of
   * the next room) without sending an error for them.
   */
  #sendAgainSoon(): void {
    this.#slowTimer ??= setTimeout(() => {
      this.#slowTimer = undefined
      this.#presence.sendAgain()
      this.#watch.sendAgain()
    }, SLOW_DOWN_MS)
  }

  #receiveRooms({ rooms }: RoomsFrame): void {
    this.#watch.accepted()
    this.#emit('rooms', rooms)
  }
}
