/** The options and events of a `SignalingClient`. */

import type { Dismissal, WebSocketClass } from './connection.ts'
import type { Peer, PeerLeftReason, RelayedFrame, Room } from './frames.ts'
import type { Token } from './token-source.ts'

/** The name and the metadata that the other peers see. */
export interface Profile {
  /** At most 128 bytes in UTF-8, without line breaks and other control characters. */
  readonly name?: string | undefined
  /** An object of at most 4 KiB as JSON. */
  readonly metadata?: object | undefined
}

export interface JoinOptions {
  /** The id of this peer. Default: a random id that the tab keeps when it is reloaded. */
  readonly peerId?: string | undefined
  /**
   * The maximum number of peers in the room, which can be at most 100 (the sidecar's setting
   * `max_peers_per_room`). Only the value of the room's first peer counts.
   */
  readonly capacity?: number | undefined
  /**
   * False hides the room from the list of rooms. Only the value of the room's first peer counts.
   */
  readonly listed?: boolean | undefined
  /**
   * Names the slot that stores the peer id and the session token of this client. A page has one
   * slot for each room, and a newer client takes over the slot of an earlier one. If a page needs a
   * second peer in the same room, pass a name for its slot.
   */
  readonly slot?: string | undefined
  /**
   * The user token tells the sidecar who the user is, if the sidecar asks for that, and is passed
   * to the sidecar's hooks. If this option is a function, it is called before each connection, and
   * when the sidecar has refused a token; it returns `null` if the user has no token. The user
   * token is not the session token, which resumes a session.
   */
  readonly token?: Token | undefined
}

export interface SignalingOptions extends Profile, JoinOptions {
  /** The room to join at once. Without it, call `join()`. */
  readonly room?: string | undefined
  /**
   * The sidecar's URL. Default: `/ws/signaling` on the origin of Vite's client, or on the page's
   * own origin if the page does not load Vite's client.
   */
  readonly url?: string | URL | undefined
  /** The WebSocket class. Default: the browser's `WebSocket`. */
  readonly WebSocket?: WebSocketClass | undefined
}

/**
 * Why the client is no longer in the room. `moved` means that the client joins another room, or the
 * same room with other options. `replaced` means that a newer client of this page, or another page
 * with the same peer id, has joined instead.
 */
export type LeaveReason = 'left' | 'moved' | 'refused' | 'closed' | Dismissal

export interface SignalingEvents {
  /** The connection to the sidecar is open. */
  connected: undefined
  /**
   * The connection was closed. The client reconnects unless `final` is true. Before it does, it
   * calls the function `token`, if there is one, and gives up if that returns `null` (`refused`).
   */
  disconnected: { readonly code: number; readonly reason: string; readonly final: boolean }
  /**
   * An attempt to reconnect begins. The first attempt has the number 1. There is no event for the
   * attempt that the client makes at once when the network is back or the page becomes visible.
   */
  reconnecting: { readonly attempt: number }
  /**
   * The session continues after a lost connection. No frame was missed, and the other peers did not
   * see this peer leave.
   */
  resumed: { readonly room: string; readonly peerId: string }
  /**
   * The old session had ended, so the client is a new peer with a new id. A `peer_list` follows,
   * and the other peers see the old peer leave. This event does not occur if the app has chosen the
   * peer id.
   */
  renamed: { readonly room: string; readonly peerId: string }
  /**
   * The client has joined. This event comes again after each reconnect that could not resume the
   * session.
   */
  peer_list: { readonly room: string; readonly peerId: string; readonly peers: readonly Peer[] }
  peer_joined: Peer
  peer_left: { readonly peerId: string; readonly reason: PeerLeftReason | undefined }
  /** `peer` contains all fields of the peer, and `changes` only those that have changed. */
  peer_updated: { readonly peer: Peer; readonly changes: Partial<Omit<Peer, 'peerId'>> }
  /**
   * Says whether a restart of the sidecar would lose no frames, when this has changed since the
   * join. `durable` is false while the sidecar cannot write its log, for instance because the disk
   * is full, or writes no payloads into it because of its setting `payloads`.
   */
  durable: { readonly durable: boolean }
  /** The sidecar's admin has sent a text to everybody in the room. */
  notice: { readonly text: string }
  /** The list of rooms, once after `watchRooms` and then after each change. */
  rooms: readonly Room[]
  offer: RelayedFrame
  answer: RelayedFrame
  candidate: RelayedFrame
  signal: RelayedFrame
  broadcast: RelayedFrame
  /**
   * The room cannot be joined now. The client tries again by itself until it has joined (`peer_list`)
   * or the refusal is final (`refused`). `message` explains the reason to a person.
   */
  waiting: { readonly room: string; readonly code: string; readonly message: string }
  /**
   * The sidecar refused a frame, or the client did not send it because the sidecar would refuse it.
   * `room` is set only if the frame was the join to that room.
   */
  refused: {
    readonly code: string
    readonly message: string
    readonly room: string | undefined
  }
  /** The client is no longer in the room. */
  left: { readonly room: string; readonly why: LeaveReason }
}

/** Emits an event of a `SignalingClient`. */
export type Emit = <Name extends keyof SignalingEvents>(
  name: Name,
  detail: SignalingEvents[Name],
) => void
