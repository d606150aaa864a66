import { readFileSync } from 'node:fs'
import { isAlive } from './running-sidecar.ts'

const LOOK_EVERY_MS = 1000

/** The fields of a JSON file that a Vite has written. */
export type Content = Readonly<Record<string, unknown>>

/**
 * Calls `write` whenever `isWritten` returns false, because another Vite of the project may replace the file, and
 * remove it when it closes, and somebody may delete it. Returns a function that ends this.
 */
export function keepWritten(isWritten: () => boolean, write: () => void): () => void {
  const look = () => {
    try {
      if (!isWritten()) write()
    } catch {
      // The file may be writable again at the next look. An error in a timer would end Vite.
    }
  }
  const timer = setInterval(look, LOOK_EVERY_MS).unref()
  return () => clearInterval(timer)
}

/** Whether the process runs that has written this. A Vite that was killed leaves its files behind. */
export function isOfRunningProcess({ pid }: Content): boolean {
  return typeof pid === 'number' && pid > 0 && isAlive(pid)
}

/** Returns the fields in a JSON file, or none if the file does not exist or is damaged. */
export function contentOf(file: string): Content {
  try {
    return Object(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return {}
  }
}
