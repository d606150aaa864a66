import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isAlive } from './running-sidecar.ts'

const LOOK_EVERY_MS = 1000

/** The fields of a JSON file that a Vite has written. */
export type Content = Readonly<Record<string, unknown>>

/**
 * Checks every second whether a file is still written and correct, and calls `write` if `isWritten` returns false:
 * another Vite of the project may have replaced or removed the file, somebody may have deleted it, or the machine may
 * have got other addresses. Returns a function that ends these checks.
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

/** Whether the Vite that has written this still runs. A Vite that was killed leaves its files behind. */
export function isOfRunningProcess({ pid }: Content): boolean {
  return typeof pid === 'number' && pid > 0 && isAlive(pid)
}

/** Returns what each Vite has written into the file. */
export function entriesIn(file: string): Content[] {
  const { others, ...first } = contentOf(file)
  return [first, ...(Array.isArray(others) ? others.map(Object) : [])]
}

/** Writes the entries of all Vites: the fields of the first entry, and the other entries in the field `others`. */
export function saveEntries(file: string, [first, ...others]: readonly Content[]): void {
  replaceFile(file, JSON.stringify({ ...first, ...(others.length > 0 && { others }) }))
}

/** Writes a private file. Another process that reads it meanwhile gets the old content or the new one. */
export function replaceFile(file: string, content: string): void {
  const temporary = `${file}.${process.pid}.new`
  writeFileSync(temporary, content, { mode: 0o600 })
  renameSync(temporary, file)
}

/** Returns the fields in a JSON file, or none if the file does not exist or is damaged. */
function contentOf(file: string): Content {
  try {
    return Object(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return {}
  }
}
