const MAX_SENTENCES = 20

/**
 * Prints each sentence only once, because a page that retries every few seconds causes the same sentences each
 * time. After MAX_SENTENCES, prints `last` and then nothing more, because the sentences may contain the path, Host
 * or Origin of a request, of which there can be any number.
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
