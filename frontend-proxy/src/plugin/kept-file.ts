import { readFileSync } from 'node:fs'
import { isAlive } from './running-sidecar.ts'

const LOOK_EVERY_MS = 1000

/**
 * Calls `write`, which must write a JSON file with the id of this process in its field `pid`. Calls it again
 * whenever the file does not exist any more, or belongs to a process that has ended: another Vite of the project
 * may have replaced the file, and removes it when it closes, or leaves it behind when it is killed. Returns a
 * function that ends this.
 */
export function keepWritten(file: string, write: () => void): () => void {
  write()
  const look = () => {
    if (isOfRunningProcess(file)) return
    try {
      write()
    } catch {
      // The file may be writable again at the next look. An error in a timer would end Vite.
    }
  }
  const timer = setInterval(look, LOOK_EVERY_MS).unref()
  return () => clearInterval(timer)
}

function isOfRunningProcess(file: string): boolean {
  const { pid } = contentOf(file)
  return typeof pid === 'number' && pid > 0 && isAlive(pid)
}

/** Returns the fields in a JSON file, or none if the file does not exist or is damaged. */
export function contentOf(file: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return {}
  }
}
