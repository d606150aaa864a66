/** The element that holds the overlay, at the end of the app's `body`. */

import { element } from './element.ts'
import { CSS } from './style.ts'

/** It is not registered as a custom element, because that name would be a global one. */
const TAG = 'signaling-overlay'
/** If an app removes whatever it does not know, it should not compete with us at full speed. */
const BACK_AFTER_MS = 1_000
/** What the user does in the overlay does not concern the app, which may listen for these on `document`. */
const PRIVATE_EVENTS = [
  ...['click', 'auxclick', 'dblclick', 'contextmenu', 'wheel'],
  ...['pointerdown', 'pointerup', 'pointermove', 'mousedown', 'mouseup', 'mousemove'],
  ...['touchstart', 'touchmove', 'touchend', 'keydown', 'keypress', 'keyup'],
  ...['focusin', 'focusout'],
]

/**
 * Adds an element with these children to the page, and adds it again whenever it was removed.
 *
 * Its shadow root is closed, so an app's own tests do not find our buttons and texts.
 */
export function addToPage(...children: Node[]): HTMLElement {
  const host = element(TAG as 'div', { lang: 'en', dir: 'ltr', popover: 'manual' })
  const root = host.attachShadow({ mode: 'closed' })
  // A style element would need a permission in a strict content security policy, and this does not.
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
  // A popover is above everything else on the page, whatever its `z-index` is.
  host.showPopover?.()
}

/**
 * A framework may hydrate the whole document later. React 18 tolerates an unknown element at the end of
 * the body, but not beside it.
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
  // Only these can lose the host. Changes below them are not observed. An app may replace each of them, the
  // first one with `document.write`.
  const observe = () => {
    observer.disconnect()
    for (const node of [document, document.documentElement, parent()])
      observer.observe(node, { childList: true })
  }
  observe()
}
