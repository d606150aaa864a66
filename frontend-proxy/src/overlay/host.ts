/** Adds the element that contains the overlay to the end of the page's `body`. */

import { element } from './element.ts'
import { CSS } from './style.ts'

/**
 * The name of the element. The element is not registered as a custom element: a registered name is
 * global.
 */
const TAG = 'signaling-overlay'
/** The delay before a removed element is added again, in case the app always removes it at once. */
const BACK_AFTER_MS = 1_000
/** The overlay stops these events, because the app may listen for them on `document`. */
const PRIVATE_EVENTS = [
  ...['click', 'auxclick', 'dblclick', 'contextmenu', 'wheel'],
  ...['pointerdown', 'pointerup', 'pointermove', 'mousedown', 'mouseup', 'mousemove'],
  ...['touchstart', 'touchmove', 'touchend', 'keydown', 'keypress', 'keyup'],
  ...['focusin', 'focusout'],
]

/**
 * Adds an element with these children to the page, and adds it again whenever it was removed.
 *
 * The element's shadow root is closed, so tests of the app do not find the overlay's buttons and
 * texts.
 */
export function addToPage(...children: Node[]): HTMLElement {
  const host = element(TAG as 'div', { lang: 'en', dir: 'ltr', popover: 'manual' })
  const root = host.attachShadow({ mode: 'closed' })
  // A strict content security policy blocks a style element, but not a constructed style sheet.
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(CSS)
  root.adoptedStyleSheets = [sheet]
  root.append(...children)
  for (const type of PRIVATE_EVENTS) {
    host.addEventListener(type, (event) => event.stopPropagation(), { passive: true })
  }
  attach(host)
  keepAttached(host)
  return host
}

function attach(host: HTMLElement): void {
  parent().append(host)
  // A popover is shown above all other elements of the page, whatever their `z-index` is.
  host.showPopover?.()
}

/**
 * Returns the parent of the overlay. The parent is the `body`, because a framework may hydrate the
 * whole document later: React 18 tolerates an unknown element at the end of the `body`, but not
 * outside of it.
 */
function parent(): HTMLElement {
  return document.querySelector('body') ?? document.documentElement
}

function keepAttached(host: HTMLElement): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const observer = new MutationObserver(() => {
    if (host.isConnected || timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      if (!host.isConnected) attach(host)
      observe()
    }, BACK_AFTER_MS)
  })
  // The page loses the host only if a child of `document`, `html` or the host's parent is removed,
  // so only the children of these nodes are observed. The nodes are looked up again each time,
  // because an app may have replaced them.
  const observe = () => {
    observer.disconnect()
    for (const node of [document, document.documentElement, parent()])
      observer.observe(node, { childList: true })
  }
  observe()
}
