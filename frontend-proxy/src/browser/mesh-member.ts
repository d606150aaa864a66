import type { Peer } from './frames.ts'
import type { MeshPeer, PeerState } from './mesh-events.ts'
import type { PeerLink } from './peer-link.ts'

/** One of the other peers in the mesh, and the link to that peer. */
export interface Member {
  peer: Peer
  link: PeerLink
  stream: MediaStream | undefined
  /**
   * How often a link to the peer has failed or missed its deadline since a link to the peer was
   * last connected.
   */
  failures: number
  /**
   * Whether the negotiation must continue as soon as signals can be sent. True if the negotiation
   * should have begun, or a deadline has passed, while the peer was away or the client had no
   * connection.
   */
  mustResume: boolean
  /** `unconfirmed` becomes `lost` after the grace period (see rule 4 in mesh-members.ts). */
  presence: 'confirmed' | 'unconfirmed' | 'lost'
  graceTimer: ReturnType<typeof setTimeout> | undefined
}

/** Returns the `MeshPeer` that describes a member to the app. */
export function snapshot(member: Member): MeshPeer {
  const { peer, stream } = member
  return { peerId: peer.peerId, state: stateOf(member), peer, stream }
}

function stateOf({ link, peer, presence, failures }: Member): PeerState {
  if (link.isUp) return 'connected'
  if (presence !== 'confirmed') return 'unconfirmed'
  if (peer.away) return 'away'
  return failures > 0 ? 'failed' : 'connecting'
}
