import type { Log } from './sidecar-supervisor.ts'

export const WITHOUT_SIGNALING = 'Vite goes on without signaling'

/**
 * Runs work of the plugin's own in one of Vite's hooks or events. Whatever it throws is one sentence
 * in the terminal, which ends with `consequence`: a plugin never ends its host.
 */
export function goOn<T>(log: Log, consequence: string, work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    log.warn(`${sentenceOf(error)}; ${consequence}`)
    return undefined
  }
}

/** The same for work that takes its time. */
export async function goOnAfter<T>(
  log: Log,
  consequence: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    log.warn(`${sentenceOf(error)}; ${consequence}`)
    return undefined
  }
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
