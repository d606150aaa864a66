import { versionOf } from './find-command.ts'

// The delays before a sidecar that has exited is started again. They are short, because somebody who has just
// repaired the environment waits for the restart.
const RESTART_DELAYS_MS = [1000, 2000, 4000] as const
// If a sidecar has run this long, its exit is not a failed start, and the next delay is the shortest.
const STEADY_AFTER_MS = 10_000
// The maximum number of failed starts in a row: the first start, and one start after each delay.
export const MAX_STARTS_WITHOUT_READY: number = 1 + RESTART_DELAYS_MS.length

/** Remembers the earlier starts of a sidecar, and decides when and whether to start it again. */
export class StartHistory {
  #exits = 0
  #startsWithoutReady = 0
  #readyAtMs = Number.POSITIVE_INFINITY
  /** The reason for the last exit. Empty if there was no exit yet, or if a sidecar has become ready since then. */
  lastReason = ''
  /** The paths of programs that were found but cannot run on this machine, or are not a sidecar, with their versions. */
  readonly #unusable = new Map<string, string>()
  /** The version that the program of the last start had before the start. It may be installed again during the start. */
  #version = ''

  get mayStart(): boolean {
    return this.#startsWithoutReady < MAX_STARTS_WITHOUT_READY
  }

  /** Whether the last start was the first one since a sidecar has listened. */
  get isFirstStart(): boolean {
    return this.#startsWithoutReady === 1
  }

  started(program: string): void {
    this.#startsWithoutReady += 1
    this.#version = versionOf(program)
    this.#readyAtMs = Number.POSITIVE_INFINITY
  }

  /** Must be called when a sidecar listens, whether or not this process has started it. */
  ready(): void {
    this.#startsWithoutReady = 0
    this.#readyAtMs = Date.now()
    this.lastReason = ''
  }

  exited(): void {
    if (Date.now() - this.#readyAtMs >= STEADY_AFTER_MS) this.#exits = 0
  }

  /** Prevents another start, because it would fail in the same way. */
  giveUp(): void {
    this.#startsWithoutReady = MAX_STARTS_WITHOUT_READY
  }

  /** Excludes a program from further starts. The program's last start does not count as a failed start. */
  addUnusable(program: string): void {
    this.#startsWithoutReady -= 1
    this.#unusable.set(program, this.#version)
  }

  get hasUnusable(): boolean {
    return this.#unusable.size > 0
  }

  /** Whether a program is excluded, and was not repaired since then, for example by installing it again. */
  isUnusable(program: string): boolean {
    const version = this.#unusable.get(program)
    return version !== undefined && version === versionOf(program)
  }

  /** Returns the delay before the next start. */
  nextDelayMs(): number {
    const delayMs = RESTART_DELAYS_MS[Math.min(this.#exits, RESTART_DELAYS_MS.length - 1)] ?? 0
    this.#exits += 1
    return delayMs
  }
}
