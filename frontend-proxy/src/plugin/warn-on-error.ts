import type { Log } from './log.ts'

export const WITHOUT_SIGNALING = 'Vite continues without signaling'

/**
 * Runs work of the plugin in a hook or an event listener of Vite. The plugin must never stop Vite, so an error only
 * prints one warning in the terminal. The warning ends with `consequence`.
 */
export function warnOnError<T>(log: Log, consequence: string, work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    log.warn(`${messageOf(error)}; ${consequence}`)
    return undefined
  }
}

/** Does the same as `warnOnError` for asynchronous work. */
export async function warnOnRejection<T>(
  log: Log,
  consequence: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    log.warn(`${messageOf(error)}; ${consequence}`)
    return undefined
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
