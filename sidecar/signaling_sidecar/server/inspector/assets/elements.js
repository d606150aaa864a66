/** Makes elements. Text from peers becomes text nodes; `drawn` is only for HTML in which the sidecar has escaped it. */

export const $ = (id) => document.getElementById(id)

/** Makes an element. `data` becomes its dataset. Children that are null or false are left out. */
export function make(tag, { data = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties)
  Object.assign(element.dataset, data)
  element.append(...children.filter((child) => child != null && child !== false))
  return element
}

export const button = (text, onclick, properties = {}) =>
  make('button', { type: 'button', onclick, ...properties }, text)

/** Changes a text only if it is different, because a screen reader reads out each change. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/** Puts a drawing into the element. The sidecar, which has made the drawing, has escaped all text from peers in it. */
export function drawn(element, html) {
  if (element.drawing === html) return false
  element.drawing = html
  element.innerHTML = html
  return true
}

/**
 * Shows one child for each item, and leaves a child as it is while its item is the same, so that neither the focus nor
 * the selected text is lost. `keyOf` identifies an item.
 */
export function keyed(parent, items, keyOf, render) {
  const before = new Map([...parent.children].map((child) => [child.itemKey, child]))
  const focused = parent.contains(document.activeElement) ? document.activeElement : null
  let at = parent.firstChild
  for (const item of items) {
    const itemKey = keyOf(item)
    const itemText = JSON.stringify(item)
    let child = before.get(itemKey)
    before.delete(itemKey)
    if (child?.itemText !== itemText) {
      const old = child
      child = Object.assign(render(item), { itemKey, itemText })
      if (old && old === at) at = child
      if (old) replace(old, child)
    }
    if (child === at) at = at.nextSibling
    else parent.insertBefore(child, at)
  }
  while (at) {
    const next = at.nextSibling
    at.remove()
    at = next
  }
  if (focused?.isConnected) focused.focus({ preventScroll: true }) // a child that is moved loses the focus
}

function replace(old, child) {
  const hadFocus = old.contains(document.activeElement)
  old.replaceWith(child)
  if (hadFocus) child.querySelector('a, button, summary')?.focus()
}

export const counted = (number, noun) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`

/** The symbol of each state, so that users need not recognise its colour. The worst state is the first. */
const SIGNS = { failed: '✗', trying: '…', unknown: '?', connected: '✓' }
const WORST_FIRST = Object.keys(SIGNS)
export const rank = (state) => (state === null ? WORST_FIRST.length : WORST_FIRST.indexOf(state))

export const stateChip = (state, text = state) =>
  make('span', { className: 'chip', data: { state } }, make('span', { ariaHidden: 'true' }, `${SIGNS[state]} `), text)

/** Tells people with a screen reader what has changed. */
export function announce(text) {
  $('said').textContent = text
}
