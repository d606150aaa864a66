import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin } from './admin.ts'
import { NotConnectedError } from './errors.ts'
import type { Peer, Rejection, Verdict } from './verdict.ts'

export interface Expectation {
  /** How many peers should be in the room, and be connected to each other. */
  readonly peers: number
  /** In milliseconds. Default: 5000. */
  readonly within?: number | undefined
}

/** How often `untilConnected` asks for the peers and the verdicts. */
const LOOK_EVERY_MS = 100
const WITHIN_MS = 5000

/**
 * How much longer `untilConnected` waits, after its time is up, for a verdict that explains the failure. The
 * sidecar calls an offer unanswered after 5 s.
 */
const DECIDED_WITHIN_MS = 5500

interface Why {
  readonly verdicts: readonly Verdict[]
  readonly rejections: readonly Rejection[]
}

/** One room of a sidecar, with methods for tests. The room may not exist yet. */
export class TestRoom {
  readonly id: string
  readonly dialect: string
  readonly #admin: Admin
  readonly #log: () => string

  constructor(id: string, dialect: string, admin: Admin, log: () => string) {
    this.id = id
    this.dialect = dialect
    this.#admin = admin
    this.#log = log
  }

  /**
   * Waits until exactly this many peers are in the room, and every two of them are connected. Peers that are away
   * do not count. In a room with a host, the other peers need only be connected to the host.
   *
   * Returns the verdicts on every two of these peers. Throws NotConnectedError, whose message says why peers are
   * not connected.
   */
  async untilConnected(expectation: Expectation): Promise<readonly Verdict[]> {
    // A test in JavaScript may leave `expectation` out. The error must then be about the test, not about this code.
    const { peers, within = WITHIN_MS } = expectation ?? { peers: undefined }
    if (!Number.isSafeInteger(peers) || peers < 0)
      throw new TypeError(`untilConnected: peers must be a whole number, not ${peers}`)
    if (!(within >= 0))
      throw new TypeError(`untilConnected: within must be a number of milliseconds, not ${within}`)
    // A test runner shows the line that the stack begins with, which should be a line of the test.
    const called = new Error()
    Error.captureStackTrace(called, this.untilConnected)
    const beginMs = performance.now()
    for (;;) {
      const passedMs = performance.now() - beginMs
      const seen = await this.#look()
      const isDone = seen.present.length === peers && seen.unconnected.length === 0
      if (isDone && passedMs < within + LOOK_EVERY_MS) return seen.connected
      const isUndecided = seen.unconnected.some(({ state }) => state === 'trying')
      const lastMs = isUndecided ? within + DECIDED_WITHIN_MS : within
      if (isDone || passedMs >= lastMs) throw this.#error(peers, within, seen, called)
      await sleep(Math.min(LOOK_EVERY_MS, Math.max(0, lastMs - passedMs)))
    }
  }

  /** Returns the verdicts on every two peers that have met in the room, even if they have left it. */
  async verdicts(): Promise<readonly Verdict[]> {
    return (await this.#why()).verdicts
  }

  /** Returns what the sidecar has refused in this room, such as a join because the room was full. */
  async rejections(): Promise<readonly Rejection[]> {
    return (await this.#why()).rejections
  }

  /** Returns the peers that are in the room now, including those that are away. */
  async peers(): Promise<readonly Peer[]> {
    const { rooms } = await this.#admin.ask<{ rooms: (Named & { peers: Peer[] })[] }>(
      'GET',
      'rooms',
    )
    return (
      rooms.find(({ room, dialect }) => room === this.id && dialect === this.dialect)?.peers ?? []
    )
  }

  /**
   * Removes a peer, given by its id, and refuses its id for a minute. Throws SidecarRefusedError if the peer is not
   * in the room.
   */
  async kick(peer: string): Promise<void> {
    const path = ['rooms', this.dialect, this.id, 'kick'].map(encodeURIComponent).join('/')
    await this.#admin.ask('POST', path, { peer })
  }

  async #why(): Promise<Why> {
    const query = new URLSearchParams({ room: this.id, dialect: this.dialect })
    return await this.#admin.ask<Why>('GET', `why?${query}`)
  }

  async #look(): Promise<Seen> {
    // The peers are requested before the verdicts, so that the verdicts are not older than the list of peers.
    const present = (await this.peers()).filter(({ away }) => !away)
    const { verdicts, rejections } = await this.#why()
    const needed = pairsOf(present).map((pair) => verdictOn(pair, verdicts, this))
    const connected = needed.filter(({ state }) => state === 'connected')
    const unconnected = needed.filter(({ state }) => state !== 'connected')
    return { present, connected, unconnected, rejections }
  }

  #error(expected: number, within: number, seen: Seen, called: Error): NotConnectedError {
    const { id: room, dialect } = this
    const { present: peers, unconnected: verdicts, rejections } = seen
    const found = { room, dialect, expected, within, peers, verdicts, rejections, log: this.#log() }
    const error = new NotConnectedError(found)
    error.stack = `${error}${called.stack?.slice(`${called}`.length) ?? ''}`
    return error
  }
}

interface Named {
  readonly room: string
  readonly dialect: string
}

interface Seen {
  readonly present: readonly Peer[]
  readonly connected: readonly Verdict[]
  readonly unconnected: readonly Verdict[]
  readonly rejections: readonly Rejection[]
}

/** Returns all pairs of peers that should be connected. */
function pairsOf(peers: readonly Peer[]): [Peer, Peer][] {
  const hasHost = peers.some(({ host }) => host)
  return peers.flatMap((one, index) =>
    peers.slice(index + 1).flatMap((other): [Peer, Peer][] => {
      return !hasHost || one.host || other.host ? [[one, other]] : []
    }),
  )
}

function verdictOn(
  pair: readonly [Peer, Peer],
  verdicts: readonly Verdict[],
  { id: room, dialect }: TestRoom,
): Verdict {
  const [one, other] = pair
  const sessions = [one.session, other.session] as const
  const found = verdicts.find((each) =>
    sessions.every((session) => each.sessions.includes(session)),
  )
  if (found) return found
  const labels = [one.name ?? one.peer, other.name ?? other.peer] as const
  return {
    dialect,
    room,
    peers: [one.peer, other.peer],
    labels,
    state: 'trying',
    reason: 'in-progress',
    signaling: 'in-progress',
    sentence: `${labels[0]} and ${labels[1]}: they have only just met`,
    notes: [],
    next_step: null,
    earlier: [],
    evidence: [],
    sessions,
    together: true,
    must_connect: true,
  }
}
