/** Gets the tokens that tell the sidecar who the user is. */

/** A token, or a function that returns one, or `null` if the user has none now. */
export type Token = string | (() => string | null | Promise<string | null>)

/**
 * Why there is no token: `no-token` if the function has returned none, and `token-failed` if it has
 * thrown, so that a later call may succeed.
 */
export class NoToken extends Error {
  readonly code: 'no-token' | 'token-failed'

  constructor(code: NoToken['code'], message: string) {
    super(message)
    this.code = code
  }
}

/**
 * The tokens of one join, or of one list of rooms.
 *
 * 1. A function is called once for each connection, and once more when the sidecar refuses the token.
 * 2. It is never called again while an earlier call has not returned.
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

  /** Whether `take` can be called. */
  get isReady(): boolean {
    return typeof this.#option !== 'function' || this.#token !== undefined
  }

  /** Returns the token that is about to be sent, or undefined if the app has given none. */
  take(): string | undefined {
    this.#isSent = true
    return this.#token
  }

  /** Must be called before each connection. Rejects with `NoToken`. */
  async prepare(): Promise<void> {
    if (typeof this.#option !== 'function' || (this.isReady && !this.#isSent)) return
    this.#asked ??= this.#ask(this.#option).finally(() => {
      this.#asked = undefined
    })
    await this.#asked
  }

  /** Forgets a token that was refused. Returns false if there is no hope that the next one is accepted. */
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

/** The function is the app's, and in plain JavaScript it may return anything. */
async function call(option: Exclude<Token, string>): Promise<unknown> {
  try {
    return await option()
  } catch (error) {
    throw new NoToken('token-failed', `the function \`token\` has failed: ${error}`)
  }
}
