/**
 * Prints the lines of a program. If `isHeld` is true, holds the lines back until `release()` is called, because the
 * program may not be a sidecar, or may print the same error as before its restart.
 */
export class HeldOutput {
  readonly #print: (line: string) => void
  #held: string[] | undefined

  constructor(print: (line: string) => void, isHeld: boolean) {
    this.#print = print
    this.#held = isHeld ? [] : undefined
  }

  add(line: string): void {
    if (this.#held) this.#held.push(line)
    else this.#print(line)
  }

  /** Prints the held lines, and from then on every line at once. */
  release(): void {
    for (const line of this.#held ?? []) this.#print(line)
    this.#held = undefined
  }
}
