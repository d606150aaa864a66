/** Stores what a client knows about its room, and updates it with the frames of the sidecar. */

import type {
  Peer,
  PeerJoinedFrame,
  PeerLeftFrame,
  PeerListFrame,
  PeerUpdatedFrame,
  RelayedFrame,
} from './frames.ts'
import type { Emit } from './signaling-events.ts'

export type RoomFrame = PeerJoinedFrame | PeerLeftFrame | PeerUpdatedFrame | RelayedFrame

export class RoomState {
  /** Maps the id of each other peer in the room to the peer. */
  readonly peers: Map<string, Peer> = new Map()
  joinedAt: number | undefined
  iceServers: RTCIceServer[] = []

  replace({ peers, joinedAt, iceServers = [] }: PeerListFrame): void {
    this.joinedAt = joinedAt
    this.iceServers = iceServers
    this.peers.clear()
    for (const peer of peers) this.peers.set(peer.peerId, peer)
  }

  clear(): void {
    this.joinedAt = undefined
    this.peers.clear()
  }

  /** Updates the state with a frame, and then emits the event for the frame. */
  apply(frame: RoomFrame, emit: Emit): void {
    switch (frame.type) {
      case 'peer_joined':
        this.peers.set(frame.peer.peerId, frame.peer)
        emit('peer_joined', frame.peer)
        break
      case 'peer_left':
        this.peers.delete(frame.peerId)
        emit('peer_left', { peerId: frame.peerId, reason: frame.reason })
        break
      case 'peer_updated':
        this.#update(frame, emit)
        break
      default:
        emit(frame.type, frame)
    }
  }

  #update({ peerId, changes }: PeerUpdatedFrame, emit: Emit): void {
    const known = this.peers.get(peerId)
    if (known === undefined) return
    const peer = { ...known, ...changes }
    this.peers.set(peerId, peer)
    emit('peer_updated', { peer, changes })
  }
}
