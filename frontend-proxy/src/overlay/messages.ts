/** Defines the messages between the plugin and the overlay, on the WebSocket of Vite's client. */

/** With this message, the page starts or stops the updates that the plugin sends to it. */
export const WATCH = 'signaling:watch'
/** With this message, the plugin sends an `Update`, at the start and after each change. */
export const UPDATE = 'signaling:update'

export interface Wish {
  readonly isWatching: boolean
}

export type Update = RoomsUpdate | Unavailable

/** Contains all rooms, as the sidecar's route `inspector/changes` returns them. */
export interface RoomsUpdate {
  /** The path of the inspector on this dev server, which ends with a slash. */
  readonly inspector: string
  readonly rooms: readonly Room[]
  /** Hints about requests that the sidecar has refused, and connections that it cannot show. */
  readonly hints: readonly Hint[]
}

export interface Hint {
  readonly code: string
  /** A sentence for the developer, which begins with a small letter and has no full stop. */
  readonly sentence: string
  readonly remedy: string | null
}

/** Is sent instead of a `RoomsUpdate` if the rooms cannot be shown. */
export interface Unavailable {
  /** A sentence that tells the developer why. */
  readonly reason: string
}

export interface Room {
  readonly dialect: string
  readonly room: string
  readonly peers: number
  /** The worst state of any pair of peers in the room, or null if there is no pair. */
  readonly worst: State | null
  /** The verdict on the pair with the worst state. */
  readonly sentence?: string
}

export type State = 'connected' | 'trying' | 'failed' | 'unknown'
