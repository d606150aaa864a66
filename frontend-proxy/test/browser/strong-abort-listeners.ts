import { afterEach, beforeEach } from 'vitest'

/**
 * Makes an `abort` remove all listeners that were added with its signal, in each test of the calling
 * file.
 *
 * All browsers do that. Node.js 20 refers to these listeners weakly: after a garbage collection, an
 * `abort` removes only the listener that was added last to each target. So in a test that runs long
 * enough, a closed mesh would still receive events, at a moment that is different in each run.
 */
export function useStrongAbortListeners(): void {
  const { addEventListener } = EventTarget.prototype

  beforeEach(() => {
    EventTarget.prototype.addEventListener = function (name, listener, options) {
      const { signal, ...rest } = typeof options === 'object' ? options : { capture: options }
      if (signal?.aborted) return
      addEventListener.call(this, name, listener, rest as AddEventListenerOptions)
      const remove = () => this.removeEventListener(name, listener)
      if (signal) addEventListener.call(signal, 'abort', remove)
    }
  })

  afterEach(() => {
    EventTarget.prototype.addEventListener = addEventListener
  })
}
