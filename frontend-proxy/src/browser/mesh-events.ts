/** What a `Mesh` is told, and what it tells. */

import type { Peer } from './frames.ts'

/**
 * `connected` whatever signaling says; else `away` (it has lost signaling, the room keeps its
 * place), `unconfirmed` (nobody knows whether it is still in the room), `failed` (tried in vain,
 * and is still trying) or `connecting`.
 */
export type PeerState = 'connecting' | 'connected' | 'away' | 'unconfirmed' | 'failed'

export interface MeshPeer {
  readonly peerId: string
  readonly state: PeerState
  /** What the sidecar last said of it. */
  readonly peer: Peer
  /** What it plays; undefined: nothing yet. */
  readonly stream: MediaStream | undefined
}

export interface MeshOptions {
  /** Default: what the sidecar proposes, else none: enough on one machine and on a LAN. */
  readonly iceServers?: RTCIceServer[]
  /** Sent to everybody; see `setStream`. */
  readonly stream?: MediaStream
  /** False: the sidecar's event log is not told what becomes of the connections. */
  readonly trace?: boolean
}

export interface MeshEvents {
  /** Everybody in the mesh, after each change: enough to draw a list. */
  peers: readonly MeshPeer[]
  /** A peer is part of the mesh from now on; `isNewcomer`: it came after oneself. */
  added: MeshPeer & { readonly isNewcomer: boolean }
  /** Something about the peer has changed: its state, its name, … */
  changed: MeshPeer
  /** Messages to this peer get through from now on. */
  connected: MeshPeer
  /** The peer is not part of the mesh any more. */
  removed: { readonly peerId: string; readonly peer: Peer; readonly reason: string }
  message: { readonly from: string; readonly data: string | ArrayBuffer }
  /** What the peer plays has changed. */
  stream: { readonly peerId: string; readonly stream: MediaStream | undefined }
  /** The browser refused something that had to do with this peer. The mesh goes on trying. */
  problem: { readonly peerId: string; readonly error: unknown }
}
