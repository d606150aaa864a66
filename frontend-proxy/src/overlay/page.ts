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

// Frameworks that hydrate the page compare it with what they expect, so nothing may be added before that.
if (document.readyState === 'complete') start()
else addEventListener('load', start, { once: true })
