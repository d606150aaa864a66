/** Handles the frames that a client receives from the sidecar, and emits the events for them. */

import { adviseOnRefusal } from './console-advice.ts'
import type { ErrorFrame, PeerListFrame, ResumedFrame, ServerFrame } from './frames.ts'
import type { Refusal } from './payload.ts'
import type { RoomPresence } from './room-presence.ts'
import type { Emit } from './signaling-events.ts'

export class RoomFrames {
  readonly #presence: RoomPresence
  readonly #emit: Emit

  constructor(presence: RoomPresence, emit: Emit) {
    this.#presence = presence
    this.#emit = emit
  }

  receive(frame: ServerFrame): void {
    const { membership, state } = this.#presence
    if (frame.type === 'peer_list') this.#receiveList(frame)
    else if (frame.type === 'resumed') this.#receiveResumed(frame)
    else if (frame.type === 'not_resumed') membership?.notResumed(frame.why)
    else if (membership?.accepts(frame) === false) return
    else if (frame.type === 'rooms') this.#emit('rooms', frame.rooms)
    else if (frame.type === 'durable') this.#emit('durable', { durable: frame.durable })
    else if (frame.type === 'notice') this.#emit('notice', { text: frame.text })
    else if (frame.type === 'error') this.#receiveError(frame)
    else if (frame.type === 'ack' || frame.type === 'pong') return
    // Frames for a room that the client has left may still arrive; they are ignored.
    else if (membership?.joined) state.apply(frame, this.#emit)
  }

  /** Ends the membership because the sidecar will not accept the join. */
  joinRefused(room: string, { code, message }: Refusal): void {
    this.#presence.end('refused')
    adviseOnRefusal(room, code, message)
    this.#emit('refused', { code, message, room })
  }

  #receiveResumed(frame: ResumedFrame): void {
    const { membership } = this.#presence
    if (membership?.resumed(frame) !== true) return
    const { room, identity } = membership
    this.#presence.storeIdentity(identity)
    this.#emit('resumed', { room, peerId: identity.peerId })
  }

  #receiveList(list: PeerListFrame): void {
    const { membership } = this.#presence
    const earlierId = membership?.identity.peerId
    const identity = membership?.answered(list)
    if (membership === undefined || identity === undefined) return
    const { room } = membership
    const { peerId } = identity
    this.#presence.storeIdentity(identity)
    this.#presence.state.replace(list)
    if (peerId !== earlierId) this.#emit('renamed', { room, peerId })
    this.#emit('peer_list', { room, peerId, peers: list.peers })
  }

  #receiveError({ code, message, ref }: ErrorFrame): void {
    const { membership } = this.#presence
    if (code === 'out-of-order' || code === 'too-fast') membership?.frameIgnored(code)
    if (code === 'out-of-order') return
    const request = membership?.request
    if (request?.isRefusedBy(ref) !== true) {
      this.#emit('refused', { code, message, room: undefined })
      return
    }
    const { room } = request
    if (request.refused(code)) {
      this.#presence.storeIdentity(request.identity)
      if (request.isStuck) adviseOnRefusal(room, code, message)
      this.#emit('waiting', { room, code, message })
    } else this.joinRefused(room, { code, message })
  }
}
