/** Decides when a client needs new TURN passwords. */

/**
 * The minimum delay before the client asks, and the delay before it asks again. A page whose clock
 * is wrong may ask this often.
 */
export const RETRY_MS = 60_000
const LONGEST_MS = 86_400_000

/**
 * Returns after how many milliseconds the client should ask for new TURN passwords: when half of
 * the time is over for which these passwords are valid. Returns undefined if no password expires.
 *
 * The user name of a TURN server begins with the time at which its password expires (seconds since
 * the epoch). draft-uberti-behave-turn-rest-00, section 2.2
 */
export function renewalDelayMs(iceServers: readonly RTCIceServer[] = []): number | undefined {
  const expiries = iceServers.flatMap(({ username }) => /^(\d+):/.exec(username ?? '')?.[1] ?? [])
  if (expiries.length === 0) return undefined
  const halfMs = (Math.min(...expiries.map(Number)) * 1_000 - Date.now()) / 2
  return Math.min(Math.max(halfMs, RETRY_MS), LONGEST_MS)
}
