import type { ViteHotContext } from 'vite/types/hot.js'
import { UPDATE, type Update, WATCH, type Wish } from './messages.ts'

const VITE_IS_DOWN = 'The dev server does not answer.'

/**
 * Calls `show` for every update while the page is visible.
 *
 * The updates come on the WebSocket of Vite's client, which is open in any case. A request that waits
 * for news would take one of the six connections that a browser makes to a server, so a few tabs could
 * block the app.
 */
export function follow(hot: ViteHotContext, show: (update: Update) => void): void {
  let isDown = false
  const wish = () => {
    if (isDown) return // Vite's client would report an error. It is called again when Vite is back.
    const isWatching = document.visibilityState === 'visible'
    hot.send(WATCH, { isWatching } satisfies Wish)
  }
  hot.on(UPDATE, show)
  hot.on('vite:ws:disconnect', () => {
    isDown = true
    show({ reason: VITE_IS_DOWN })
  })
  hot.on('vite:ws:connect', () => {
    isDown = false
    wish()
  })
  document.addEventListener('visibilitychange', wish)
  wish()
}
