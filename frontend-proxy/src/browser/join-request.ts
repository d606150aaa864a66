/**
 * Sends the `join` frame for a room, and repeats it while the sidecar may still accept it.
 *
 * 1. If the sidecar refuses with one of the `TEMPORARY` codes, the join is sent again until it
 *    succeeds. After `unauthorised`, the join is sent once more with a new user token. Any other
 *    refusal is final, and the app decides what to do.
 * 2. If another peer has this client's id, the client uses a new random id after the fourth
 *    refusal. If the app has chosen the id, the client keeps the id and repeats the join until the
 *    other peer has left.
 * 3. The join contains the session token, if there is one. There is one exception: if the app has
 *    chosen the id and the session has probably ended, the session token is sent only after the
 *    refusal `id-taken`. The reason: if the sidecar does not know the session token, it creates a
 *    peer with a new id. The client then leaves and joins again with the chosen id, so the other
 *    peers see the new peer join and leave.
 * 4. Before the join is sent on a new connection, the app's function `token` is called for a new
 *    user token. The user token says who the user is, and is not the session token.
 */

import type { Connection } from './connection.ts'
import { type Identity, randomId } from './identity.ts'
import type { JoinOptions, Profile } from './signaling-events.ts'
import type { NoToken, TokenSource } from './token-source.ts'

/** The error codes after which the same join may succeed later. */
const TEMPORARY: ReadonlySet<string> = new Set([
  'id-taken', // The other peer may leave, or an earlier `leave` of this client may arrive.
  'too-fast', // The sidecar's limit is per second.
  'token-failed', // The app's function `token` has thrown an error.
])
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 5_000
/**
 * After this many refusals in a row, the client concludes that another client uses the id. (The
 * fourth refusal comes 1.4 s after the first. By then, a `leave` from an earlier session of this
 * client would have arrived, so the id would be free.)
 */
const STUCK_AFTER = 4
/** How long the sidecar keeps a session without a connection by default. */
const GRACE_MS = 30_000
/** How long the sidecar keeps a session whose page was unloaded. */
const UNLOADED_GRACE_MS = 5_000

/**
 * Proves that a session belongs to this client. `after` is the sidecar's number for the last frame
 * that this page has handled.
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
   * A random id for each `join()`, and so for each page load. A new instance tells the other peers
   * that the earlier RTCPeerConnections of this peer are closed. If a join was not answered, the
   * next join has the same instance, because there are no RTCPeerConnections yet.
   */
  readonly #instance: string
  readonly #connection: Connection
  readonly #details: JoinDetails
  #identity: Identity
  /** The `id` of the last join frame, which an error repeats as its `ref`. */
  #ref = ''
  /**
   * The profile in the join frame that the sidecar has accepted, or will accept. Undefined if two
   * join frames with different profiles are on their way: the sidecar uses the profile of the first
   * one, so the client has to send the other profile again, in an `update`.
   */
  #sentProfile: Profile | undefined
  /** Whether a join frame was sent on this connection, and neither accepted nor refused yet. */
  #isOnItsWay = false
  /** How often in a row the join was refused with the same code. */
  #refusals = 0
  #refusedWith = ''
  /** When the session has probably ended (ms since the epoch). Undefined while it is in use. */
  #endsAt: number | undefined
  #proof: SessionProof | undefined
  #includesProof = true
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(connection: Connection, room: string, identity: Identity, details: JoinDetails) {
    const { peerId, token, instance, usedAt, isStored } = identity
    this.room = room
    this.#connection = connection
    this.#details = details
    this.#instance = instance ?? randomId()
    this.#identity = token === undefined ? { peerId, instance: this.#instance } : { peerId, token }
    const graceMs = isStored === true ? UNLOADED_GRACE_MS : GRACE_MS
    this.#endsAt = usedAt === undefined ? undefined : usedAt + graceMs
  }

  get identity(): Identity {
    return this.#identity
  }

  get instance(): string {
    return this.#instance
  }

  get isOnItsWay(): boolean {
    return this.#isOnItsWay
  }

  /** False if the last join left out the session token, because the session has probably ended. */
  get includesProof(): boolean {
    return this.#includesProof
  }

  /** Whether the sidecar has probably given up waiting for this client to resume its session. */
  get hasProbablyEnded(): boolean {
    return this.#endsAt !== undefined && Date.now() > this.#endsAt
  }

  /** The current profile, or undefined if the accepted join certainly contained this profile. */
  get changedProfile(): Profile | undefined {
    const profile = this.#details.profile()
    return profile === this.#sentProfile ? undefined : profile
  }

  /** Whether the app has chosen the peer id. */
  get isIdChosen(): boolean {
    return this.#details.options.peerId !== undefined
  }

  /**
   * Sends the join. Pass `proof` if the session began on this page. Without `proof`, the join
   * contains the stored session token.
   */
  ask(proof?: SessionProof): void {
    const { token } = this.#identity
    this.#proof = proof ?? (token === undefined ? undefined : { token })
    this.#includesProof = !(this.isIdChosen && this.hasProbablyEnded)
    this.#send()
  }

  /**
   * Gets a user token from the app before a connection is opened. Returns false if the app has no
   * token, and rejects if the app may have one later.
   */
  async prepare(): Promise<boolean> {
    const ref = this.#nextRef()
    try {
      await this.#details.tokens.prepare()
      return true
    } catch (error) {
      if (ref !== this.#ref) return true // A newer join decides whether to connect.
      const reason = error as NoToken
      this.#details.noToken(reason)
      if (reason.code === 'token-failed') throw reason
      return false
    }
  }

  /** Whether an error frame with this `ref` refuses the last join. */
  isRefusedBy(ref: unknown): boolean {
    return ref !== undefined && ref === this.#ref
  }

  /**
   * Handles a refusal of the join. Returns false if the refusal is final. Otherwise sends the join
   * again, at once or after a delay.
   */
  refused(code: string): boolean {
    this.#isOnItsWay = false
    if (code === 'unauthorised' && this.#details.tokens.renew()) {
      this.#send()
      return true
    }
    if (!TEMPORARY.has(code)) return false
    if (code === 'id-taken' && this.#proof !== undefined && !this.#includesProof) {
      this.#includesProof = true // The session may not have ended, so its token is sent.
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

  /**
   * True after exactly `STUCK_AFTER` refusals in a row, so that only one warning is printed.
   */
  get isStuck(): boolean {
    return this.#refusals === STUCK_AFTER
  }

  /** Stores the identity that the sidecar has accepted. */
  accepted(identity: Identity): void {
    this.#identity = identity
    this.#isOnItsWay = false
    this.#refusals = 0
    this.#endsAt = undefined
    this.#details.tokens.accepted()
  }

  /**
   * Is called when the sidecar has begun a new session under an id of its own choice. Leaves that
   * session, and joins again with the id that the app has chosen. Does nothing if that was done
   * before. (If the join was sent twice, the sidecar begins a new session twice.)
   */
  askForNewSession(): void {
    if (this.#proof === undefined) return
    this.#identity = { peerId: this.#identity.peerId, instance: this.#instance }
    this.#connection.send({ type: 'leave' })
    this.ask()
  }

  /** Stops repeating the join until `ask` is called again. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#ref = ''
    this.#isOnItsWay = false
    // The sidecar may have lost the connection long before this client: a computer that was asleep
    // notices the loss only when it wakes up. So the time is counted from the last frame.
    this.#endsAt ??= this.#connection.heardAt + GRACE_MS
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
    if (!this.#connection.isOpen) return // `ask` is called when the connection is open.
    const ref = this.#nextRef()
    if (this.#details.tokens.isReady) {
      this.#sendFrame()
      return
    }
    this.#details.tokens.prepare().then(
      () => ref === this.#ref && this.#sendFrame(),
      (reason: NoToken) => ref === this.#ref && this.#details.noToken(reason),
    )
  }

  #sendFrame(): void {
    const { capacity, listed } = this.#details.options
    const profile = this.#details.profile()
    const isSecond = this.#isOnItsWay && profile !== this.#sentProfile
    this.#sentProfile = isSecond ? undefined : profile
    this.#isOnItsWay = true
    this.#connection.send({
      type: 'join',
      id: this.#ref,
      roomId: this.room,
      peerId: this.#identity.peerId,
      instance: this.#instance,
      ...profile,
      capacity,
      listed,
      token: this.#details.tokens.take(),
      resume: (this.#includesProof && this.#proof) || true,
    })
  }
}
