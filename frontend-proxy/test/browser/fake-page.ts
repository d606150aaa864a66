import { vi } from 'vitest'

/** As much of a page as a client uses; `vi.unstubAllGlobals()` takes it away again. */
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

  /** The tab's next page. What runs on the one before is still there, and has no connection. */
  reload(): void {
    this.dispatchEvent(new Event('pagehide'))
    this.#forgetModules()
  }

  #forgetModules(): void {
    vi.stubGlobal(Symbol.for('vite-plugin-signaling-sidecar/slots/1') as never, undefined)
  }
}
