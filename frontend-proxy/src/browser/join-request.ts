/**
 * Sends the `join` for a room, and repeats it while that can help.
 *
 * 1. If the sidecar refuses with one of the `TEMPORARY` codes, the join is sent again until it
 *    succeeds. Any other refusal is final, and the app decides what to do.
 * 2. If another peer has this client's id, the client soon uses a new random id. If the app has
 *    chosen the id, the client keeps it and waits.
 * 3. The join contains the token of the session, if there is one. There is one exception: if the app
 *    has chosen the id and the session has probably ended, the token is sent only after `id-taken`.
 *    For an unknown token the sidecar would create a peer with a new id, and the others would see
 *    that peer join and leave.
 * 4. Before it is sent on a new connection, the app is asked for a new token of the user, which is
 *    another token than that of the session.
 */

import type { Connection } from './connection.ts'
import { type Identity, randomId } from './identity.ts'
import type { JoinOptions, Profile } from './signaling-events.ts'
import type { NoToken, TokenSource } from './token-source.ts'

/** The error codes of refusals that may end by themselves. */
const TEMPORARY: ReadonlySet<string> = new Set([
  'id-taken', // It ends when this client's own `leave` arrives, or when the other peer leaves.
  'too-fast', // The sidecar's limit is per second.
  'token-failed', // The app could not fetch a token.
])
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 5_000
/** After the fourth refusal (1.4 s) the reason cannot be a `leave` of our own that is still on its way. */
const STUCK_AFTER = 4
/** How long the sidecar keeps a session without a connection, by default. */
const GRACE_MS = 30_000

/**
 * Proves that a session belongs to this client. `after` is the last number of the sidecar that this
 * page has handled.
 */
export interface SessionProof {
  readonly token: string
  readonly after?: number | undefined
}

export interface JoinDetails {
  readonly options: JoinOptions
  readonly profile: () => Profile
  readonly tokens: TokenSource
  /** Is called if the app has no token. */
  readonly noToken: (reason: NoToken) => void
}

export class JoinRequest {
  readonly room: string
  /**
   * Is random for each `join()`, and so for each page load. A new instance tells the others that the
   * earlier RTCPeerConnections are closed. A join that repeats an unanswered one keeps its instance,
   * because there were no RTCPeerConnections yet.
   */
  readonly #instance: string
  readonly #connection: Connection
  readonly #options: JoinOptions
  readonly #profile: () => Profile
  readonly #tokens: TokenSource
  readonly #noToken: (reason: NoToken) => void
  #identity: Identity
  /** The `id` of the last join frame, which an error repeats as its `ref`. */
  #ref = ''
  /** How often in a row it was refused with the same code. */
  #refusals = 0
  #refusedWith = ''
  #usedAt: number | undefined
  #proof: SessionProof | undefined
  #includesProof = true
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    connection: Connection,
    room: string,
    identity: Identity,
    { options, profile, tokens, noToken }: JoinDetails,
  ) {
    const { peerId, token, instance, usedAt } = identity
    this.room = room
    this.#connection = connection
    this.#options = options
    this.#profile = profile
    this.#tokens = tokens
    this.#noToken = noToken
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

  /** Whether the last join asked to continue a session, provided that there is one. */
  get includesProof(): boolean {
    return this.#includesProof
  }

  /** Whether the app has chosen the peer id. */
  get isIdChosen(): boolean {
    return this.#options.peerId !== undefined
  }

  /** Sends the join. `proof` is given for a session that began on this page. */
  ask(proof?: SessionProof): void {
    const { token } = this.#identity
    this.#proof = proof ?? (token === undefined ? undefined : { token })
    const hasEnded = this.#usedAt !== undefined && Date.now() - this.#usedAt > GRACE_MS
    this.#includesProof = !(this.isIdChosen && hasEnded)
    this.#send()
  }

  /**
   * Gets a token before a connection is opened. Returns false if the app has none, and rejects if it
   * may have one later.
   */
  async prepare(): Promise<boolean> {
    const ref = this.#nextRef()
    try {
      await this.#tokens.prepare()
      return true
    } catch (error) {
      if (ref !== this.#ref) return true // Another join decides whether to connect.
      const reason = error as NoToken
      this.#noToken(reason)
      if (reason.code === 'token-failed') throw reason
      return false
    }
  }

  /** Whether an error with this `ref` refuses the last join. */
  isRefusedBy(ref: unknown): boolean {
    return ref !== undefined && ref === this.#ref
  }

  /** Handles a refusal. Returns false if it is final, and otherwise sends the join again later. */
  refused(code: string): boolean {
    if (code === 'unauthorised' && this.#tokens.renew()) {
      this.#send()
      return true
    }
    if (!TEMPORARY.has(code)) return false
    if (code === 'id-taken' && this.#proof !== undefined && !this.#includesProof) {
      this.#includesProof = true // The session has not ended after all.
      this.#send()
      return true
    }
    this.#refusals = code === this.#refusedWith ? this.#refusals + 1 : 1
    this.#refusedWith = code
    if (this.isStuck && code === 'id-taken' && !this.isIdChosen) this.#useNewId()
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** (this.#refusals - 1), LONGEST_RETRY_MS)
    this.#timer = setTimeout(() => this.#send(), waitMs)
    return true
  }

  /** True only at the refusal at which the developer should see a warning. */
  get isStuck(): boolean {
    return this.#refusals === STUCK_AFTER
  }

  /** Stores the identity that the sidecar has accepted. */
  accepted(identity: Identity): void {
    this.#identity = identity
    this.#refusals = 0
    this.#usedAt = undefined
    this.#tokens.accepted()
  }

  /** Leaves the session under a new id that the sidecar has just begun, and joins again with the client's own id. */
  askForNewSession(): void {
    this.#identity = { peerId: this.#identity.peerId, instance: this.#instance }
    this.#connection.send({ type: 'leave' })
    this.ask()
  }

  /** Stops repeating the join, because the connection is lost. `ask` starts again. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#ref = ''
    this.#usedAt ??= Date.now()
  }

  #useNewId(): void {
    this.#identity = { peerId: randomId(), instance: this.#instance }
    this.#proof = undefined
    this.#refusals = 0
  }

  #nextRef(): string {
    this.#ref = randomId()
    return this.#ref
  }

  #send(): void {
    clearTimeout(this.#timer)
    if (!this.#connection.isOpen) return // `ask` is called again when it is.
    const ref = this.#nextRef()
    if (this.#tokens.isReady) {
      this.#sendFrame()
      return
    }
    this.#tokens.prepare().then(
      () => ref === this.#ref && this.#sendFrame(),
      (reason: NoToken) => ref === this.#ref && this.#noToken(reason),
    )
  }

  #sendFrame(): void {
    const { capacity, listed } = this.#options
    this.#connection.send({
      type: 'join',
      id: this.#ref,
      roomId: this.room,
      peerId: this.#identity.peerId,
      instance: this.#instance,
      ...this.#profile(),
      capacity,
      listed,
      token: this.#tokens.take(),
      resume: (this.#includesProof && this.#proof) || true,
    })
  }
}
