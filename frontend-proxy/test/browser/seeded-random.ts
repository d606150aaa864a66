/** Random numbers that are the same in each run with the same seed (the algorithm mulberry32). */
export class SeededRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** Returns a number from 0 to `limit`, without `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return (((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * limit
  }

  oneOf<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.below(items.length))] as Item
  }
}
