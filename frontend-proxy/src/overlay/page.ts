/// <reference types="vite/types/importMeta.d.ts" />

/**
 * Shows on a page of the dev server how many peers there are and whether they are connected. With the
 * plugin's option `overlay: true`, Vite's client loads this script into every page.
 */

import { follow } from './feed.ts'
import { Overlay } from './overlay.ts'

/** How long after `DOMContentLoaded` the overlay waits for the event `load`. */
const LOADED_WITHIN_MS = 3_000

const hot = import.meta.hot
let isStarted = false

function start(): void {
  if (hot === undefined || isStarted) return
  isStarted = true
  const overlay = new Overlay()
  follow(hot, (update) => overlay.show(update))
}

/**
 * Starts the overlay soon. A page that shows a MediaStream without tracks gets the event `load` only when
 * a track is added, because the browser waits for the first picture of each `<video>`.
 */
function startSoon(): void {
  setTimeout(start, LOADED_WITHIN_MS)
}

// A framework that hydrates the page compares it with the expected HTML, so the overlay must not be
// added before the page has loaded.
const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
if (document.readyState === 'complete') start()
else {
  addEventListener('load', start, { once: true })
  if (navigation?.domContentLoadedEventEnd) startSoon()
  else addEventListener('DOMContentLoaded', startSoon, { once: true })
}
