/** What a `SignalingClient` is told, and what it tells. */

import type { Dismissal } from './connection.ts'
import type { Peer, RelayedFrame, Room } from './frames.ts'

/** What the others see of this peer. */
export interface Profile {
  readonly name?: string
  /** At most 4 KiB as JSON. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

export interface JoinOptions {
  /** Default: an id of this tab, which survives a reload. */
  readonly peerId?: string
  /** How many the room holds; counts for whoever joins it first. */
  readonly capacity?: number
  /** False: the room is in no list; counts for whoever joins it first. */
  readonly listed?: boolean
  /**
   * A page has one place in a room, which a newer client takes from an earlier one. A page that is
   * to have two peers in one room gives the second a place of another name.
   */
  readonly slot?: string
  /** For the sidecar's `on_join` hook: who this is. Not what a session is resumed with. */
  readonly token?: string
}

export interface SignalingOptions extends Profile, JoinOptions {
  /** Joined at once, as by `join(room, options)`. */
  readonly room?: string
  /** Default: `/ws/signaling` on the page's own origin. */
  readonly url?: string | URL
  /** Default: the platform's own. */
  readonly WebSocket?: typeof WebSocket
}

/** Why one is in a room no longer; `replaced`: a newer client of this page, or another page, has the place. */
export type LeaveReason = 'left' | 'moved' | 'refused' | 'closed' | Dismissal

export interface SignalingEvents {
  /** The connection is there (again). */
  connected: undefined
  /** The connection was lost. It is made again, unless `final`. */
  disconnected: { readonly code: number; readonly reason: string; readonly final: boolean }
  /** The `attempt`th try to connect again, from 1. */
  reconnecting: { readonly attempt: number }
  /** One is in the room as before the connection was lost: nothing was missed, nobody noticed. */
  resumed: { readonly room: string; readonly peerId: string }
  /**
   * The session was not there any more: one is in the room as somebody new, whom a `peer_list`
   * follows. The others will see the one before leave. Never under an id that the app has chosen.
   */
  renamed: { readonly room: string; readonly peerId: string }
  /** The room has answered: one is in it. Again after a reconnect that could not resume. */
  peer_list: { readonly room: string; readonly peerId: string; readonly peers: readonly Peer[] }
  peer_joined: Peer
  peer_left: { readonly peerId: string; readonly reason: string | undefined }
  /** The peer as it is now; `changes` is what is new. */
  peer_updated: { readonly peer: Peer; readonly changes: Partial<Omit<Peer, 'peerId'>> }
  /**
   * Whether the session outlives the sidecar's process from now on: while it cannot write its log,
   * for instance because the disk is full, it does not.
   */
  durable: { readonly durable: boolean }
  /** What the sidecar's admin has to say to everybody in the room. */
  notice: { readonly text: string }
  /** The listed rooms: once after `watchRooms`, then at each change. */
  rooms: readonly Room[]
  offer: RelayedFrame
  answer: RelayedFrame
  candidate: RelayedFrame
  signal: RelayedFrame
  broadcast: RelayedFrame
  /**
   * The room cannot be joined now. It is tried again by itself until it answers: then a `peer_list`
   * comes, or it refuses for good: then `refused`. The `message` is for people.
   */
  waiting: { readonly room: string; readonly code: string; readonly message: string }
  /**
   * The sidecar refused a frame, or would have: then it was not sent. `room` is there when that was
   * the join to it.
   */
  refused: {
    readonly code: string
    readonly message: string
    readonly room: string | undefined
  }
  /** One is in the room no longer. */
  left: { readonly room: string; readonly why: LeaveReason }
}
