/** Gets the tokens that tell the sidecar who the user is. */

/** A token, or a function that returns it. The function returns `null` if the user has none now. */
export type Token = string | (() => string | null | Promise<string | null>)

/**
 * Says why there is no token. The code is `no-token` if the app's function has returned no token.
 * The code is `token-failed` if the function has thrown an error: a later call may succeed.
 */
export class NoToken extends Error {
  readonly code: 'no-token' | 'token-failed'

  constructor(code: NoToken['code'], message: string) {
    super(message)
    this.code = code
  }
}

/**
 * Supplies the user tokens for one `join()`, or for one `watchRooms()`.
 *
 * 1. The app's function is called once for each connection, and once more when the sidecar refuses
 *    the token.
 * 2. The function is never called while an earlier call is still pending.
 * 3. A token that was not sent yet is kept for the next attempt to connect.
 */
export class TokenSource {
  readonly #option: Token | undefined
  #token: string | undefined
  #isSent = false
  #asked: Promise<void> | undefined
  /** True from a refusal until the sidecar accepts a token. */
  #isRenewed = false

  constructor(option: Token | undefined) {
    this.#option = option
    if (typeof option === 'string' && option !== '') this.#token = option
  }

  /** Whether `take` may be called. If not, call `prepare` first. */
  get isReady(): boolean {
    return typeof this.#option !== 'function' || this.#token !== undefined
  }

  /** Returns the token that is about to be sent, or undefined if the app has given none. */
  take(): string | undefined {
    this.#isSent = true
    return this.#token
  }

  /**
   * Must be called before each connection. Gets a token if one is needed. Rejects with `NoToken` if
   * the app has none.
   */
  async prepare(): Promise<void> {
    if (typeof this.#option !== 'function' || (this.isReady && !this.#isSent)) return
    this.#asked ??= this.#ask(this.#option).finally(() => {
      this.#asked = undefined
    })
    await this.#asked
  }

  /**
   * Forgets the token of an earlier connection, which may have expired. Must be called when a
   * connection was opened without a call of `prepare`.
   */
  forgetSent(): void {
    if (this.#isSent && typeof this.#option === 'function') this.#token = undefined
  }

  /**
   * Forgets a refused token. Returns false after a second refusal, or if `token` is no function.
   */
  renew(): boolean {
    if (typeof this.#option !== 'function' || this.#isRenewed) return false
    this.#isRenewed = true
    this.#token = undefined
    return true
  }

  /** Must be called when the sidecar has accepted the token. */
  accepted(): void {
    this.#isRenewed = false
  }

  async #ask(option: Exclude<Token, string>): Promise<void> {
    this.#token = undefined
    const token = await call(option)
    if (typeof token !== 'string' || token === '') {
      const kind = token === '' ? 'an empty string' : token === null ? 'null' : typeof token
      throw new NoToken('no-token', `the function \`token\` has returned ${kind}`)
    }
    this.#token = token
    this.#isSent = false
  }
}

/** Calls the app's function, which may return anything in plain JavaScript. */
async function call(option: Exclude<Token, string>): Promise<unknown> {
  try {
    return await option()
  } catch (error) {
    throw new NoToken('token-failed', `the function \`token\` has failed: ${error}`)
  }
}
