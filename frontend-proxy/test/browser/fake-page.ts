import { vi } from 'vitest'

/**
 * Replaces the global objects of a page that a client uses. `vi.unstubAllGlobals()` restores them.
 */
export class FakePage extends EventTarget {
  visibilityState = 'visible'
  readonly #items = new Map<string, string>()

  constructor() {
    super()
    vi.stubGlobal('window', this)
    vi.stubGlobal('document', this)
    vi.stubGlobal('sessionStorage', {
      getItem: (key: string) => this.#items.get(key) ?? null,
      setItem: (key: string, value: string) => this.#items.set(key, value),
      removeItem: (key: string) => this.#items.delete(key),
    })
    this.#forgetModules()
  }

  /**
   * Simulates a reload of this tab. The clients of the earlier page are unloaded, but still exist.
   */
  reload(): void {
    this.dispatchEvent(new Event('pagehide'))
    this.#forgetModules()
  }

  #forgetModules(): void {
    vi.stubGlobal(Symbol.for('vite-plugin-signaling-sidecar/slots/1') as never, undefined)
  }
}
