/** The payload of one record, below the list of records. */

import { ask, roomPath } from './api.js'
import { $, drawn, make } from './elements.js'

let shown = null

/** Shows the payload, and moves the focus there if `focuses`. The button and Escape call `close`. */
export async function showPayload({ dialect, room }, seq, close, focuses) {
  const path = `inspector/rooms/${roomPath(dialect, room)}/payload/${seq}`
  $('payload').hidden = false
  $('payload').onkeydown = ({ key }) => key === 'Escape' && close()
  $('payload-close').onclick = close
  if (shown !== path) {
    shown = path
    const found = await ask(path).catch(({ message }) => ({ title: `Record ${seq}`, about: message }))
    if (shown !== path) return
    $('payload-title').textContent = found.title
    $('payload-body').replaceChildren(...parts(found))
  }
  if (focuses) $('payload-title').focus()
}

export function hidePayload() {
  shown = null
  $('payload').hidden = true
}

function* parts({ about, text, sections = [], diff }) {
  yield make('p', { className: 'muted' }, about)
  if (diff) {
    const difference = make('div')
    drawn(difference, diff)
    yield folded('Difference from the previous description', difference, true)
  }
  for (const { title, text } of sections) yield folded(title, text, true)
  if (text) yield folded('The whole payload', text, sections.length === 0)
}

function folded(title, content, open) {
  const tag = typeof content === 'string' ? 'pre' : 'div'
  const scrolled = make(tag, { className: 'scrolled', tabIndex: 0, role: 'region', ariaLabel: title }, content)
  return make('details', { open }, make('summary', {}, title), scrolled)
}
