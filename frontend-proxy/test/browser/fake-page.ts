import { vi } from 'vitest'

/** The parts of a page that a client uses. `vi.unstubAllGlobals()` removes them again. */
export class FakePage extends EventTarget {
  readonly visibilityState = 'visible'
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

  /** Loads the next page in this tab. The clients of the earlier page still exist, but have no connection. */
  reload(): void {
    this.dispatchEvent(new Event('pagehide'))
    this.#forgetModules()
  }

  #forgetModules(): void {
    vi.stubGlobal(Symbol.for('vite-plugin-signaling-sidecar/slots/1') as never, undefined)
  }
}
