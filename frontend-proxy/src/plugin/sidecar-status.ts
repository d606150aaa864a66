import type { Log } from './log.ts'
import { OnceEach } from './once-each.ts'

/**
 * Stores where the sidecar of a project listens, or why none listens, and prints the sentences about that sidecar.
 *
 * `url` is set exactly while a sidecar is known to listen there. `stateDir` is the state folder of the sidecar that
 * was last known to listen.
 */
export class SidecarStatus {
  #url: string | undefined
  #stateDir = ''
  #log: Log = { info: () => {}, warn: () => {} }
  readonly #once = new OnceEach('more lines about this sidecar are not shown')
  #problem: string | undefined

  get url(): string | undefined {
    return this.#url
  }

  get stateDir(): string {
    return this.#stateDir
  }

  get problem(): string | undefined {
    return this.#problem
  }

  /** Prints into this log from now on. Forgets the last problem, and which sentences were printed already. */
  printTo(log: Log): void {
    this.#log = log
    this.#once.clear()
    this.#problem = undefined
  }

  /** Must be called when a sidecar listens. */
  listens(url: string, stateDir: string): void {
    if (url !== this.#url) this.#once.clear() // Each sentence is printed once per sidecar.
    this.#url = url
    this.#stateDir = stateDir
    this.#problem = undefined
  }

  /** Must be called when the sidecar has ended, or may not be used any more. */
  lost(): void {
    this.#url = undefined
  }

  /** Prints a line of the sidecar's own output. */
  printLine(line: string): void {
    this.#log.info(line)
  }

  print(level: 'info' | 'warn', sentence: string): void {
    this.#log[level](sentence)
    this.#noteProblem(sentence)
  }

  // Each failed request may cause a search, which must not print the same sentences again.
  printOnce(level: 'info' | 'warn', sentence: string): void {
    this.#once.print(sentence, this.#log[level])
    this.#noteProblem(sentence)
  }

  #noteProblem(sentence: string): void {
    if (this.#url === undefined) this.#problem = sentence
  }
}
