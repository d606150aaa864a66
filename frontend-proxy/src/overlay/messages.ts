/** What the plugin and the overlay of a page say to each other on the WebSocket of Vite's client. */

/** The page asks for updates, or for no more of them. */
export const WATCH = 'signaling:watch'
/** The plugin answers with an `Update` now, and again when something has changed. */
export const UPDATE = 'signaling:update'

export interface Wish {
  readonly isWatching: boolean
}

export type Update = RoomsUpdate | Unavailable

/** All rooms, as the sidecar's `changes` lists them. */
export interface RoomsUpdate {
  /** The path of the inspector on this dev server, which ends with a slash. */
  readonly inspector: string
  readonly rooms: readonly Room[]
  /** What the sidecar has seen that explains why there is nothing to see, or less. */
  readonly hints: readonly Hint[]
}

export interface Hint {
  readonly code: string
  /** It begins with a small letter, and has no full stop. */
  readonly sentence: string
  readonly remedy: string | null
}

/** There is nothing to show. */
export interface Unavailable {
  /** A sentence for the developer. */
  readonly reason: string
}

export interface Room {
  readonly dialect: string
  readonly room: string
  readonly peers: number
  /** The worst state of two peers in the room, or null if there are no two. */
  readonly worst: State | null
  /** The verdict on these two peers. */
  readonly sentence?: string
}

export type State = 'connected' | 'trying' | 'failed' | 'unknown'
