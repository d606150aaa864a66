/**
 * The verdict on two peers, with the field names that `sidecar why --json` prints. The texts of a verdict may
 * contain text from peers, such as their names.
 */
export interface Verdict {
  readonly dialect: string | null
  /** The id of the room. Null for two pages that did not signal through the sidecar. */
  readonly room: string | null
  readonly peers: readonly [string, string]
  /** The names of the two peers, as they appear in `sentence`. */
  readonly labels: readonly [string, string]
  readonly state: 'connected' | 'trying' | 'failed' | 'unknown'
  /** A code that does not change between releases, such as `offer-unanswered`. */
  readonly reason: string
  /** The reason that follows from the signaling alone, without the reports of the browsers. */
  readonly signaling: string
  readonly sentence: string
  readonly notes: readonly string[]
  readonly next_step: string | null
  /** The reasons of earlier verdicts on these two peers, for example from before a page was reloaded. */
  readonly earlier: readonly string[]
  /** The records of the event log that show the reason. */
  readonly evidence: readonly { readonly boot: string; readonly seq: number }[]
  readonly sessions: readonly [string, string]
  /** Whether both peers are still in the room. */
  readonly together: boolean
  /** False for two peers that need not connect, such as two guests in a room with a host. */
  readonly must_connect: boolean
}

/** A join that the sidecar has refused, or an offer to a peer that was not in the room. */
export interface Rejection {
  readonly dialect: string | null
  readonly room: string | null
  /** A code that does not change between releases, such as `room-full`. */
  readonly code: string
  readonly sentence: string
  readonly next_step: string | null
  readonly times: number
}

/** A peer in a room, as the admin API of the sidecar describes it. */
export interface Peer {
  readonly peer: string
  readonly session: string
  readonly name?: string
  /** Whether the peer has lost its connection to the sidecar and may come back. */
  readonly away: boolean
  /** Whether this peer is the host of the room. The other peers connect only to the host. */
  readonly host: boolean
  /** When the peer joined, in milliseconds since the epoch. */
  readonly joinedAt: number
}
