import type { Logger } from 'vite'
import { LOG_PREFIX } from './names.ts'

/** Prints sentences in Vite's terminal. */
export interface Log {
  info(sentence: string): void
  warn(sentence: string): void
}

/** Returns a log that puts the plugin's prefix before each sentence. */
export function logOf({ logger }: { readonly logger: Logger }): Log {
  return {
    info: (sentence) => logger.info(`${LOG_PREFIX} ${sentence}`),
    warn: (sentence) => logger.warn(`${LOG_PREFIX} ${sentence}`),
  }
}
