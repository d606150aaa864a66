/** The options and events of a `Mesh`. */

import type { Peer, PeerLeftReason } from './frames.ts'
import type { LeaveReason } from './signaling-events.ts'

/**
 * The state of a peer in the mesh:
 *
 * - `connected`: messages can be sent, even if one of the two peers has lost its signaling
 *   connection.
 * - `connecting`: the mesh tries to connect, and no attempt has failed yet.
 * - `failed`: at least one attempt has failed, and the mesh keeps trying.
 * - `away`: the peer has lost its signaling connection, and the mesh is not connected to it.
 * - `unconfirmed`: the peer is missing from a new list of peers, but may still come back.
 */
export type PeerState = 'connecting' | 'connected' | 'away' | 'unconfirmed' | 'failed'

/**
 * Why a peer was removed from the mesh: the peer has left (`PeerLeftReason`), or this client is no
 * longer in the room (`LeaveReason`), or this client is in the room as a new peer (`renamed`).
 */
export type RemovedReason = PeerLeftReason | LeaveReason | 'renamed'

export interface MeshPeer {
  readonly peerId: string
  readonly state: PeerState
  /** The peer as the sidecar last described it. */
  readonly peer: Peer
  /** The tracks that the peer sends. Undefined if it sends none. */
  readonly stream: MediaStream | undefined
}

export interface MeshOptions {
  /**
   * The STUN and TURN servers. Default: the servers that the sidecar is configured with. Without
   * STUN and TURN servers, peers can usually connect only on the same machine or the same LAN.
   */
  readonly iceServers?: RTCIceServer[] | undefined
  /** The stream that is sent to all peers. `setStream` changes it. */
  readonly stream?: MediaStream | undefined
  /** If false, the mesh does not report its RTCPeerConnections to the sidecar's event log. */
  readonly trace?: boolean | undefined
}

export interface MeshEvents {
  /** All peers, once after each change. An app can draw its list of peers from this event alone. */
  peers: readonly MeshPeer[]
  /** A peer was added. `isNewcomer` is true if the peer has joined the room after this client. */
  added: MeshPeer & { readonly isNewcomer: boolean }
  /** The state, the name or the metadata of a peer has changed. */
  changed: MeshPeer
  /** From now on, messages can be sent to this peer. */
  connected: MeshPeer
  /** A peer was removed. */
  removed: { readonly peerId: string; readonly peer: Peer; readonly reason: RemovedReason }
  message: { readonly from: string; readonly data: string | ArrayBuffer }
  /** The stream that a peer sends has changed. */
  stream: { readonly peerId: string; readonly stream: MediaStream | undefined }
  /**
   * The browser reported an error about the connection to this peer. The mesh keeps trying. If the
   * browser refuses to create an RTCPeerConnection, the peer is not added.
   */
  problem: { readonly peerId: string; readonly error: unknown }
}
