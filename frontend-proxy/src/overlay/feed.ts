import type { ViteHotContext } from 'vite/types/hot.js'
import { UPDATE, type Update, WATCH, type Wish } from './messages.ts'

const VITE_IS_DOWN = 'The dev server does not answer.'

/**
 * Calls `show` for every update from the plugin while the page is visible.
 *
 * The updates come on the WebSocket of Vite's client, which is open in any case. A long-polling
 * request would occupy one of the six HTTP connections that a browser opens to a server, so a few
 * tabs could block the app.
 */
export function follow(hot: ViteHotContext, show: (update: Update) => void): void {
  // Vite's client reports an error for a message that is sent while its WebSocket is not open, and
  // this script cannot find out whether the WebSocket is open. So the script sends its first
  // message in any case. It sends further messages only after an answer or a `vite:ws:connect`
  // event.
  let isUp: boolean | undefined
  const wish = () => {
    const isWatching = document.visibilityState === 'visible'
    if (isUp === false || (isUp === undefined && !isWatching)) return
    isUp ??= false
    hot.send(WATCH, { isWatching } satisfies Wish)
  }
  const up = () => {
    const isNews = isUp !== true
    isUp = true
    if (isNews) wish()
  }
  hot.on(UPDATE, (update: Update) => {
    show(update)
    up()
  })
  hot.on('vite:ws:disconnect', () => {
    isUp = false
    show({ reason: VITE_IS_DOWN })
  })
  hot.on('vite:ws:connect', up)
  document.addEventListener('visibilitychange', wish)
  wish()
}
