/** Elements of the page. Text from peers only ever becomes text nodes; `drawn` is for what the sidecar has escaped. */

export const $ = (id) => document.getElementById(id)

/** Makes an element. `properties` may hold `data` for its dataset and `aria` for its attributes of that name. */
export function make(tag, properties = {}, ...children) {
  const { data = {}, aria = {}, ...own } = properties
  const element = Object.assign(document.createElement(tag), own)
  Object.assign(element.dataset, data)
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value)
  element.append(...children.filter((child) => child != null && child !== false))
  return element
}

export const button = (text, onclick, properties = {}) =>
  make('button', { type: 'button', onclick, ...properties }, text)

/** Puts a drawing of the sidecar into the element. Its package `drawing` has escaped all text from peers. */
export function drawn(element, html) {
  if (element.drawing === html) return
  element.drawing = html
  element.innerHTML = html
}

/**
 * Shows one child for each item, and leaves a child as it is while its item is the same, so that neither the focus nor
 * the selected text is lost. Children are told apart by `keyOf`.
 */
export function keyed(parent, items, keyOf, render) {
  const before = new Map([...parent.children].map((child) => [child.itemKey, child]))
  const focused = parent.contains(document.activeElement) ? document.activeElement : null
  const children = items.map((item) => {
    const key = keyOf(item)
    const text = JSON.stringify(item)
    const known = before.get(key)
    if (known?.itemText === text) return known
    return Object.assign(render(item), { itemKey: key, itemText: text, replaces: known })
  })
  const isSame =
    children.length === parent.children.length &&
    children.every((child, at) => child === parent.children[at])
  if (isSame) return
  parent.replaceChildren(...children)
  if (focused && document.activeElement !== focused) refocus(focused, children)
}

/** Moves the focus to the element that has taken the place of the focused one. */
function refocus(focused, children) {
  if (focused.isConnected) return focused.focus()
  const child = children.find(({ replaces }) => replaces?.contains(focused))
  const same = ({ tagName, textContent }) =>
    tagName === focused.tagName && textContent === focused.textContent
  if (child) (same(child) ? child : [...child.querySelectorAll('a, button')].find(same))?.focus()
}

export const counted = (number, noun) =>
  `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`

/** The word for each state, with a sign, so that nobody depends on its colour. */
export const STATES = {
  failed: { sign: '✗', word: 'failed' },
  trying: { sign: '…', word: 'trying' },
  unknown: { sign: '?', word: 'unknown' },
  connected: { sign: '✓', word: 'connected' },
}
export const WORST_FIRST = Object.keys(STATES)

export const stateChip = (state, text) =>
  make(
    'span',
    { className: 'chip', data: { state } },
    make('span', { className: 'sign', aria: { hidden: true } }, STATES[state]?.sign ?? '·'),
    text ?? STATES[state]?.word ?? 'no pair',
  )

/** Tells people with a screen reader what has changed. */
export function announce(text) {
  $('said').textContent = text
}
