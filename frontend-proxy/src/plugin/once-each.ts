const MAX_SENTENCES = 20

/**
 * Prints each sentence once. A page tries again every few seconds, and would cause the same ones each time. The
 * limit is for pages that choose a new path, Host or Origin each time; `last` is printed when it is reached.
 */
export class OnceEach {
  readonly #last: string
  readonly #printed = new Set<string>()

  constructor(last: string) {
    this.#last = last
  }

  print(sentence: string, print: (sentence: string) => void): void {
    const withoutSeconds = sentence.replace(/\d+ s\b/g, '')
    if (this.#printed.has(withoutSeconds) || this.#printed.size === MAX_SENTENCES) return
    this.#printed.add(withoutSeconds)
    print(sentence)
    if (this.#printed.size === MAX_SENTENCES) print(this.#last)
  }

  clear(): void {
    this.#printed.clear()
  }
}
