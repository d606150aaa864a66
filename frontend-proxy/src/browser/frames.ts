/** The frames of the sidecar's `rooms` protocol that a client receives. */

import type { Ticket } from './resumption.ts'

/** Another peer in the room, as the sidecar describes it. */
export interface Peer {
  readonly peerId: string
  /** When the peer joined: ms since the epoch, by the sidecar's clock. */
  readonly joinedAt: number | undefined
  readonly name: string | undefined
  readonly metadata: Readonly<Record<string, unknown>> | undefined
  /** Changes when the peer's page is reloaded, which closes all its RTCPeerConnections. */
  readonly instance: string | undefined
  /** True while the peer is in the room but has lost its connection to the sidecar. */
  readonly away: boolean
}

/** A room in the list of rooms. */
export interface Room {
  readonly roomId: string
  readonly name: string | undefined
  /** How many peers are in the room. */
  readonly peers: number
  readonly capacity: number | undefined
  /** ms since the epoch. */
  readonly createdAt: number | undefined
}

export const RELAY_KINDS = ['offer', 'answer', 'candidate', 'signal', 'broadcast'] as const

/** The frames that the sidecar relays: `broadcast` to all other peers, the rest to one peer. */
export type RelayKind = (typeof RELAY_KINDS)[number]

/** The numbers on a frame that is sent to a resumable session. */
interface Numbers {
  /** The number of this frame. */
  readonly s?: number
  /** The number of the client's last frame that the sidecar has handled. */
  readonly ca?: number
}

export interface PeerListFrame extends Numbers {
  readonly type: 'peer_list'
  readonly roomId: string | undefined
  /** The client's own id. */
  readonly peerId: string | undefined
  /** When the client joined: ms since the epoch, by the sidecar's clock. */
  readonly joinedAt: number | undefined
  /** The other peers, in the order in which they joined. */
  readonly peers: readonly Peer[]
  readonly iceServers: RTCIceServer[] | undefined
  /** The largest frame that the sidecar accepts. Older sidecars do not send it. */
  readonly maxFrameBytes: number | undefined
  /** Resumes the session after a lost connection. Undefined if the sidecar cannot do that. */
  readonly resume: Ticket | undefined
}

/** The session continues. The sidecar sends the missed frames after this one. */
export interface ResumedFrame extends Numbers {
  readonly type: 'resumed'
  readonly roomId: string
  readonly peerId: string
  readonly resume: Ticket
}

/**
 * The session cannot be resumed, and a `peer_list` follows. `why` is `token` if that list begins a
 * new session, and `gap` if the session continues but some missed frames are lost.
 */
export interface NotResumedFrame extends Numbers {
  readonly type: 'not_resumed'
  readonly why: string
}

/** A frame that carries only numbers. */
export interface AckFrame extends Numbers {
  readonly type: 'ack'
}

/** Reports a change: whether the session survives a restart of the sidecar. */
export interface DurableFrame extends Numbers {
  readonly type: 'durable'
  readonly durable: boolean
}

/** Answers a `ping`. */
export interface PongFrame extends Numbers {
  readonly type: 'pong'
}

export interface PeerJoinedFrame extends Numbers {
  readonly type: 'peer_joined'
  readonly peer: Peer
}

export interface PeerLeftFrame extends Numbers {
  readonly type: 'peer_left'
  readonly peerId: string
  /** `left`, `moved`, `closed`, `lost`, `kicked` or `room-closed`; newer sidecars may add others. */
  readonly reason: string | undefined
}

export interface PeerUpdatedFrame extends Numbers {
  readonly type: 'peer_updated'
  readonly peerId: string
  /** Only the fields that have changed. */
  readonly changes: Partial<Omit<Peer, 'peerId'>>
}

/** A text from the sidecar's admin to everybody in the room. */
export interface NoticeFrame extends Numbers {
  readonly type: 'notice'
  readonly text: string
}

export interface RoomsFrame extends Numbers {
  readonly type: 'rooms'
  readonly rooms: readonly Room[]
}

export interface RelayedFrame extends Numbers {
  readonly type: RelayKind
  /** The sender's id. The sidecar sets it, so it cannot be forged. */
  readonly from: string
  /** What the sender passed to `relay()` or `broadcast()`. */
  readonly payload: Readonly<Record<string, unknown>>
}

export interface ErrorFrame extends Numbers {
  readonly type: 'error'
  /** Identifies the kind of error, and does not change between releases. */
  readonly code: string
  /** Explains the error to a person. */
  readonly message: string
  /** The `id` field of the frame that was refused. */
  readonly ref: unknown
}

export type ServerFrame =
  | PeerListFrame
  | ResumedFrame
  | NotResumedFrame
  | AckFrame
  | DurableFrame
  | PongFrame
  | PeerJoinedFrame
  | PeerLeftFrame
  | PeerUpdatedFrame
  | NoticeFrame
  | RoomsFrame
  | RelayedFrame
  | ErrorFrame
