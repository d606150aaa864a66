/**
 * Subscribes a client to the list of rooms. The client need not be in a room.
 *
 * While a join waits for its answer, nothing else is sent. From any other frame, the sidecar would
 * conclude that the client has received the answer, with a new session token. If the answer got
 * lost, the client could then not resume its session with the earlier token.
 */

import type { Connection } from './connection.ts'
import { adviseOnRefusedWatch } from './console-advice.ts'
import { warnOnce } from './default-url.ts'
import { randomId } from './identity.ts'
import type { Refusal } from './payload.ts'
import { type NoToken, type Token, TokenSource } from './token-source.ts'

/** The delay before the list is asked for again on the same connection. */
const RETRY_MS = 1_000
/** The error codes after which the same `watch_rooms` may succeed later. */
const TEMPORARY: ReadonlySet<string> = new Set(['too-fast', 'token-failed'])

export class RoomWatch {
  readonly #connection: Connection
  readonly #token: Token | undefined
  readonly #isAsking: () => boolean
  readonly #refused: (refusal: Refusal) => void
  /** Sends the frame that waits until the join is answered. */
  #waiting: (() => void) | undefined
  #tokens = new TokenSource(undefined)
  #isOn = false
  /** The `id` of the last `watch_rooms` frame, which an error repeats as its `ref`. */
  #ref = ''
  /** False if the last `watch_rooms` frame was sent without asking the app for a user token. */
  #hasSentToken = false
  /** Whether the sidecar has answered the last `watch_rooms` frame. */
  #isAnswered = false
  /** True if an `unwatch_rooms` was sent, but not sent again. (The sidecar does not answer it.) */
  #hasSentUnwatch = false
  #timer: ReturnType<typeof setTimeout> | undefined

  /**
   * `isAsking` says whether a join waits for its answer. `refused` is called when the list is no
   * longer watched, because the app has no token that the sidecar accepts.
   */
  constructor(
    connection: Connection,
    token: Token | undefined,
    isAsking: () => boolean,
    refused: (refusal: Refusal) => void,
  ) {
    this.#connection = connection
    this.#token = token
    this.#isAsking = isAsking
    this.#refused = refused
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** `isJoining` is true if a join on the same connection contains the user token. */
  start(isJoining: boolean): void {
    this.#isOn = true
    this.#hasSentUnwatch = false
    this.#tokens = new TokenSource(this.#token)
    this.#connection.start()
    if (this.#connection.isOpen) this.opened(isJoining)
  }

  unwatch(): void {
    this.stop()
    this.#whenAnswered(() => {
      this.#hasSentUnwatch = this.#connection.send({ type: 'unwatch_rooms' })
    })
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#waiting = undefined
    this.#isOn = false
    this.#ref = ''
  }

  /**
   * For a client without a room, gets a user token before a connection is opened. (For a client
   * with a room, `JoinRequest.prepare` does this.)
   */
  async prepare(): Promise<boolean> {
    const tokens = this.#tokens
    if (!this.#isOn) return true
    try {
      await tokens.prepare()
    } catch (error) {
      const reason = error as NoToken
      if (!this.#isOn || tokens !== this.#tokens) return true
      if (reason.code === 'token-failed') {
        this.#warn(reason)
        throw reason
      }
      this.#end(reason)
      return false
    }
    return true
  }

  /** Must be called when a connection was opened. */
  opened(isJoining: boolean): void {
    clearTimeout(this.#timer)
    this.#waiting = undefined
    if (!this.#isOn) return
    if (isJoining) this.#tokens.forgetSent()
    if (isJoining && !this.#tokens.isReady) this.#send(false)
    else void this.#sendWithToken()
  }

  /** Must be called when a join was answered or refused, or when the client has left the room. */
  joinAnswered(): void {
    const send = this.#waiting
    this.#waiting = undefined
    if (this.#connection.isOpen) send?.()
  }

  /** Must be called when the sidecar has sent a list of rooms. */
  accepted(): void {
    this.#isAnswered = true
    this.#tokens.accepted()
  }

  /** Must be called when the sidecar may have ignored frames. */
  sendAgain(): void {
    if (!this.#connection.isOpen) return
    if (this.#isOn && !this.#isAnswered) this.opened(false)
    if (!this.#hasSentUnwatch) return
    this.#hasSentUnwatch = false
    this.#whenAnswered(() => this.#connection.send({ type: 'unwatch_rooms' }))
  }

  /** Whether an error refuses the last `watch_rooms`, because of its token or only temporarily. */
  isRefusedBy(code: string, ref: unknown): boolean {
    const isExpected = code === 'unauthorised' || TEMPORARY.has(code)
    return isExpected && ref !== undefined && ref === this.#ref
  }

  /** Handles an error for which `isRefusedBy` is true. */
  refused({ code, message }: Refusal): void {
    if (TEMPORARY.has(code)) this.#sendLater()
    else if (this.#hasSentToken && !this.#tokens.renew()) this.#end({ code, message })
    else void this.#sendWithToken()
  }

  async #sendWithToken(): Promise<void> {
    const tokens = this.#tokens
    const isStale = () => !this.#isOn || tokens !== this.#tokens || !this.#connection.isOpen
    try {
      if (!tokens.isReady) await tokens.prepare()
      if (isStale()) return
      this.#send(true)
    } catch (error) {
      if (isStale()) return
      const reason = error as NoToken
      if (!TEMPORARY.has(reason.code)) this.#end(reason)
      else {
        this.#warn(reason)
        this.#sendLater()
      }
    }
  }

  #whenAnswered(send: () => void): void {
    if (this.#isAsking()) this.#waiting = send
    else send()
  }

  #sendLater(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#connection.isOpen && this.opened(false), RETRY_MS)
  }

  #warn({ message }: NoToken): void {
    warnOnce(`${message}; the list of rooms is not watched until it returns a token`)
  }

  #send(hasToken: boolean): void {
    this.#whenAnswered(() => {
      this.#ref = randomId()
      this.#hasSentToken = hasToken
      this.#isAnswered = false
      const token = hasToken ? this.#tokens.take() : undefined
      this.#connection.send({ type: 'watch_rooms', id: this.#ref, token })
    })
  }

  #end({ code, message }: Refusal): void {
    this.stop()
    adviseOnRefusedWatch(code, message)
    this.#refused({ code, message })
  }
}
