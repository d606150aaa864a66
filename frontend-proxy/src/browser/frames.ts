/** The frames of the sidecar's `rooms` protocol that a client receives. */

import type { Ticket } from './resumption.ts'

/** Another peer in the room, as the sidecar describes it. */
export interface Peer {
  readonly peerId: string
  /** When the peer joined: ms since the epoch, by the sidecar's clock. */
  readonly joinedAt: number | undefined
  readonly name: string | undefined
  readonly metadata: Readonly<Record<string, unknown>> | undefined
  /**
   * A random id that changes when the peer's page is reloaded. (A reload closes all
   * RTCPeerConnections of the page.)
   */
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

/**
 * The frames that the sidecar relays: `broadcast` to all other peers, every other kind to one peer.
 */
export type RelayKind = (typeof RELAY_KINDS)[number]

/** The sequence numbers in a frame of a resumable session. */
interface Numbers {
  /** The sidecar's number for this frame. */
  readonly s?: number
  /** The number (`c`) of the client's last frame that the sidecar has handled. */
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
  /** The maximum size of a frame. Older sidecars do not send this limit. */
  readonly maxFrameBytes: number | undefined
  /** Allows the client to resume the session later. Undefined if the session cannot be resumed. */
  readonly resume: Ticket | undefined
}

/**
 * Says that the session continues. After this frame, the sidecar sends the frames that the client
 * has missed.
 */
export interface ResumedFrame extends Numbers {
  readonly type: 'resumed'
  readonly roomId: string
  readonly peerId: string
  readonly resume: Ticket
}

/**
 * Says that the sidecar will not send the missed frames, and that a `peer_list` follows. `why` is
 * `token` if the session has ended and the list begins a new one, and `gap` if the session
 * continues but some of the missed frames are lost.
 */
export interface NotResumedFrame extends Numbers {
  readonly type: 'not_resumed'
  readonly why: string
}

/** Contains only the numbers `s` and `ca`. */
export interface AckFrame extends Numbers {
  readonly type: 'ack'
}

/** Contains the new value of `durable`: whether the session survives a restart of the sidecar. */
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

/**
 * Why a peer has left. `moved` means that it has joined another room, `closed` that it has closed
 * its connection, and `lost` that its connection was lost, or its page was closed, and it did not
 * come back in time. `kicked` and `room-closed` are actions of the sidecar's admin. A newer sidecar
 * may send other reasons.
 */
export type PeerLeftReason =
  | 'left'
  | 'moved'
  | 'closed'
  | 'lost'
  | 'kicked'
  | 'room-closed'
  | (string & Record<never, never>)

export interface PeerLeftFrame extends Numbers {
  readonly type: 'peer_left'
  readonly peerId: string
  readonly reason: PeerLeftReason | undefined
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
  /** The sender's id. The sidecar sets this field, so the sender cannot forge it. */
  readonly from: string
  /** The payload that the sender passed to `relay()` or `broadcast()`. */
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
