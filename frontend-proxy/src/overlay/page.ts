/// <reference types="vite/types/importMeta.d.ts" />

/**
 * Shows on a page of the dev server how many peers there are and whether they are connected. With the
 * plugin's option `overlay: true`, Vite's client loads this script into every page.
 */

import { follow } from './feed.ts'
import { Overlay } from './overlay.ts'

const hot = import.meta.hot

function start(): void {
  if (hot === undefined) return
  const overlay = new Overlay()
  follow(hot, (update) => overlay.show(update))
}

// A framework that hydrates the page compares it with the expected HTML, so the overlay must not be
// added before the page has loaded.
if (document.readyState === 'complete') start()
else addEventListener('load', start, { once: true })
