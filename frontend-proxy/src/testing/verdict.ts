/**
 * The verdict on two peers, with the field names that `sidecar why --json` prints. The texts quote what
 * peers have sent.
 */
export interface Verdict {
  readonly dialect: string | null
  /** Null for two pages that signaled through another server. */
  readonly room: string | null
  readonly peers: readonly [string, string]
  /** The names of the two peers as the sentence has them. */
  readonly labels: readonly [string, string]
  readonly state: 'connected' | 'trying' | 'failed' | 'unknown'
  /** A stable word for programs, such as `offer-unanswered`. */
  readonly reason: string
  /** The reason as far as the signaling shows it, without the reports of the browsers. */
  readonly signaling: string
  readonly sentence: string
  readonly notes: readonly string[]
  readonly next_step: string | null
  /** The reasons of their earlier meetings. A reload of a page may begin a new one. */
  readonly earlier: readonly string[]
  /** The records of the event log that show the reason. */
  readonly evidence: readonly { readonly boot: string; readonly seq: number }[]
  readonly sessions: readonly [string, string]
  /** Whether both peers are still in the room. */
  readonly together: boolean
  /** False for two that need not connect, such as two guests of a room with a host. */
  readonly must_connect: boolean
}

/** A join that the sidecar has refused, or an offer that was not for a peer in the room. */
export interface Rejection {
  readonly dialect: string | null
  readonly room: string | null
  /** A stable word for programs, such as `room-full`. */
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
  /** Whether it has lost its connection to the sidecar and may come back. */
  readonly away: boolean
  /** Whether the others connect only to this peer. */
  readonly host: boolean
  /** In milliseconds since the epoch. */
  readonly joinedAt: number
}
