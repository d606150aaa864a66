/**
 * Prints lines, or holds them back until it is known whether they are worth printing: a program that
 * was found may not be a sidecar, and a sidecar that was restarted may print the same error again.
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
