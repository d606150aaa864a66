/**
 * How a room is asked to let this page in, and who this page is there.
 *
 * 1. After a refusal that time may cure, one of `CURED_BY_TIME`, it asks again until it is let in.
 *    Every other refusal is for good: what to do about it is the page's to decide.
 * 2. An id of our own that somebody else has is given up soon, for a new one. An id that the app has
 *    chosen is kept whatever comes, and waited for.
 * 3. A session is gone on with by its token. Where an id is chosen and the session is probably over,
 *    its token is shown only when the id turns out to be taken: for a token of no session the
 *    sidecar gives an id of its own, and the others would see that one come and go.
 */

import type { Connection } from './connection.ts'
import { type Identity, randomId } from './identity.ts'
import type { JoinOptions, Profile } from './signaling-events.ts'

const CURED_BY_TIME: ReadonlySet<string> = new Set([
  'id-taken', // until one's own `leave` has arrived, or the other page that has the id is gone
  'too-fast', // the sidecar's limit is per second
])
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 5_000
/** One's own `leave` arrives within the three refusals before, 1.4 s in all. */
const STUCK_AFTER = 4
/** As long as the sidecar keeps a place, unless it was told otherwise. */
const GRACE_MS = 30_000

/** The session to go on with; `after` is the last that was heard of it, on this page. */
export interface Proof {
  readonly token: string
  readonly after?: number | undefined
}

export class Admission {
  readonly room: string
  /**
   * Random per `join`, and so per page load: the others take another one for the news that the
   * RTCPeerConnections from before are gone, as they are when a room was left. A join that repeats
   * one without an answer has the same instance: there were no connections yet.
   */
  readonly #instance: string
  readonly #connection: Connection
  readonly #options: JoinOptions
  readonly #profile: () => Profile
  #identity: Identity
  #ref = ''
  #refusals = 0
  #usedAt: number | undefined
  #proof: Proof | undefined
  #showsProof = true
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    connection: Connection,
    room: string,
    identity: Identity,
    options: JoinOptions,
    profile: () => Profile,
  ) {
    const { peerId, token, instance, usedAt } = identity
    this.room = room
    this.#connection = connection
    this.#options = options
    this.#profile = profile
    this.#instance = instance ?? randomId()
    this.#identity = token === undefined ? { peerId, instance: this.#instance } : { peerId, token }
    this.#usedAt = usedAt
  }

  get identity(): Identity {
    return this.#identity
  }

  get instance(): string {
    return this.#instance
  }

  /** Whether a session was asked for, if there was one to ask for; else a new one. */
  get showsProof(): boolean {
    return this.#showsProof
  }

  /** Whether the app has said who this page is to be. */
  get isChosen(): boolean {
    return this.#options.peerId !== undefined
  }

  /** Asks for the room; `proof` is of a session that began on this page. */
  ask(proof?: Proof): void {
    const { token } = this.#identity
    this.#proof = proof ?? (token === undefined ? undefined : { token })
    const isOver = this.#usedAt !== undefined && Date.now() - this.#usedAt > GRACE_MS
    this.#showsProof = !(this.isChosen && isOver)
    this.#send()
  }

  /** Whether a refusal with this `ref` is the refusal of the join. */
  isRefusedBy(ref: unknown): boolean {
    return ref !== undefined && ref === this.#ref
  }

  /** The join was refused. The answer is false when that is for good; else it is asked again here. */
  refused(code: string): boolean {
    if (!CURED_BY_TIME.has(code)) return false
    if (code === 'id-taken' && this.#proof !== undefined && !this.#showsProof) {
      this.#showsProof = true // the session is there after all
      this.#send()
      return true
    }
    this.#refusals += 1
    if (this.isStuck && code === 'id-taken' && !this.isChosen) this.#beSomebodyNew()
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** (this.#refusals - 1), LONGEST_RETRY_MS)
    this.#timer = setTimeout(() => this.#send(), waitMs)
    return true
  }

  /** Whether it has just been refused so often that somebody should know. */
  get isStuck(): boolean {
    return this.#refusals === STUCK_AFTER
  }

  /** The room has let this page in, as this. */
  admitted(identity: Identity): void {
    this.#identity = identity
    this.#refusals = 0
    this.#usedAt = undefined
  }

  /** Asks for a new session, out of the one under another id that the sidecar has just given. */
  askAnew(): void {
    this.#identity = { peerId: this.#identity.peerId, instance: this.#instance }
    this.#connection.send({ type: 'leave' })
    this.ask()
  }

  /** There is no connection to ask on, until `ask` is called again. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#usedAt ??= Date.now()
  }

  #beSomebodyNew(): void {
    this.#identity = { peerId: randomId(), instance: this.#instance }
    this.#proof = undefined
    this.#refusals = 0
  }

  #send(): void {
    clearTimeout(this.#timer)
    this.#ref = randomId()
    const { capacity, listed, token } = this.#options
    this.#connection.send({
      type: 'join',
      id: this.#ref,
      roomId: this.room,
      peerId: this.#identity.peerId,
      instance: this.#instance,
      ...this.#profile(),
      capacity,
      listed,
      token,
      resume: (this.#showsProof && this.#proof) || true,
    })
  }
}
