/**
 * Asks for new TURN passwords in time: before the passwords of the last list of peers expire, the
 * client joins again on the same connection. From the list that answers this join, the client takes
 * only the new passwords: the client was in the room all the time, so nothing else in the list is
 * new.
 */

/**
 * The minimum delay before the client asks, and the delay before it asks again. A page whose clock
 * is wrong may ask this often.
 */
const RETRY_MS = 60_000
const LONGEST_MS = 86_400_000

export class TurnPasswords {
  /** Whether a join that only asks for new passwords waits for its answer. The membership resets it. */
  isAsking = false
  readonly #ask: () => boolean
  /** When to ask (ms since the epoch). */
  #askAt: number | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `ask` sends the join. It returns false, and does nothing, if the client is not in the room. */
  constructor(ask: () => boolean) {
    this.#ask = ask
  }

  /** Must be called with the TURN servers of each list of peers. */
  received(iceServers: readonly RTCIceServer[] | undefined): void {
    this.#askIn(renewalDelayMs(iceServers))
  }

  /**
   * Must be called each time that the client has joined. If the timer has fired while the client was
   * not in the room, the client has not asked.
   */
  joined(): void {
    this.isAsking = false
    this.#startTimer()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #askIn(delayMs: number | undefined): void {
    this.#askAt = delayMs === undefined ? undefined : Date.now() + delayMs
    this.#startTimer()
  }

  #startTimer(): void {
    clearTimeout(this.#timer)
    if (this.#askAt === undefined) return
    this.#timer = setTimeout(() => this.#due(), this.#askAt - Date.now())
  }

  #due(): void {
    if (!this.#ask()) return
    this.isAsking = true
    this.#askIn(RETRY_MS) // In case this join is refused or not answered.
  }
}

/**
 * Returns after how many milliseconds the client should ask for new TURN passwords: when half of
 * the time is over for which these passwords are valid. Returns undefined if no password expires.
 *
 * The user name of a TURN server begins with the time at which its password expires (seconds since
 * the epoch). draft-uberti-behave-turn-rest-00, section 2.2
 */
function renewalDelayMs(iceServers: readonly RTCIceServer[] = []): number | undefined {
  const expiries = iceServers.flatMap(({ username }) => /^(\d+):/.exec(username ?? '')?.[1] ?? [])
  if (expiries.length === 0) return undefined
  const halfMs = (Math.min(...expiries.map(Number)) * 1_000 - Date.now()) / 2
  return Math.min(Math.max(halfMs, RETRY_MS), LONGEST_MS)
}
