import { vi } from 'vitest'
import { FakeStorage } from './fake-storage.ts'

/** The key at which `slots.ts` stores the slots of a page. */
const SLOTS = Symbol.for('vite-plugin-signaling-sidecar/slots/1') as never

/**
 * Replaces the global objects of a page that a client uses. `vi.unstubAllGlobals()` restores them.
 * If a test has several pages, the newest one is the current one.
 */
export class FakePage extends EventTarget {
  visibilityState = 'visible'
  readonly #items: Map<string, string>
  #slots: unknown

  /** Pass the items of the tab's sessionStorage if the tab has loaded another page before. */
  constructor(items = new Map<string, string>()) {
    super()
    this.#items = items
    this.#becomeCurrent()
  }

  /**
   * Simulates a reload of this tab. The clients of the earlier page are unloaded, but still exist.
   */
  reload(): void {
    this.dispatchEvent(new Event('pagehide'))
    this.#slots = undefined
    this.#becomeCurrent()
  }

  /** Makes this page the current one, and runs code of this page. */
  run<Result>(code: () => Result): Result {
    this.#becomeCurrent()
    try {
      return code()
    } finally {
      this.#slots = Reflect.get(globalThis, SLOTS)
    }
  }

  #becomeCurrent(): void {
    vi.stubGlobal('window', this)
    vi.stubGlobal('document', this)
    vi.stubGlobal('sessionStorage', new FakeStorage(this.#items))
    vi.stubGlobal(SLOTS, this.#slots)
  }
}
