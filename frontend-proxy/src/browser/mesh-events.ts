/** The options and events of a `Mesh`. */

import type { Peer } from './frames.ts'

/**
 * The state of a peer in the mesh:
 *
 * - `connected`: messages arrive, even if one of the two has lost its signaling connection.
 * - `connecting`: the mesh tries to connect for the first time.
 * - `failed`: at least one attempt has failed, and the mesh keeps trying.
 * - `away`: the peer has lost its signaling connection and is not connected.
 * - `unconfirmed`: the peer is missing from a new list of peers, but may still come back.
 */
export type PeerState = 'connecting' | 'connected' | 'away' | 'unconfirmed' | 'failed'

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
   * The STUN and TURN servers. Default: those that the sidecar is configured with. Without any, peers
   * on the same machine and on the same LAN can connect.
   */
  readonly iceServers?: RTCIceServer[] | undefined
  /** The stream that is sent to everybody. `setStream` changes it. */
  readonly stream?: MediaStream | undefined
  /** False stops the mesh from recording its RTCPeerConnections in the sidecar's event log. */
  readonly trace?: boolean | undefined
}

export interface MeshEvents {
  /** All peers, after each change. This event is enough to draw a list. */
  peers: readonly MeshPeer[]
  /** A peer was added. `isNewcomer` is true if it has joined the room after this client. */
  added: MeshPeer & { readonly isNewcomer: boolean }
  /** The state, the name or the metadata of a peer has changed. */
  changed: MeshPeer
  /** Messages to this peer arrive from now on. */
  connected: MeshPeer
  /** A peer was removed. */
  removed: { readonly peerId: string; readonly peer: Peer; readonly reason: string }
  message: { readonly from: string; readonly data: string | ArrayBuffer }
  /** The stream that a peer sends has changed. */
  stream: { readonly peerId: string; readonly stream: MediaStream | undefined }
  /**
   * The browser reported an error about the connection to this peer. The mesh keeps trying. If the
   * browser refuses to create an RTCPeerConnection, the peer is not added.
   */
  problem: { readonly peerId: string; readonly error: unknown }
}
