/** The payload of one record, beside the list of records. */

import { ask, roomPath } from './api.js'
import { $, button, drawn, make } from './elements.js'

let asked = null

/** Shows the record of the room, and moves the focus there if `focuses`. `closed` is called by its button and Escape. */
export async function showPayload({ dialect, room }, seq, closed, { focuses = false } = {}) {
  const key = `${dialect}/${room}/${seq}`
  if (asked === key && !$('payload').hidden) return focuses && $('payload-title').focus()
  asked = key
  $('payload').hidden = false
  $('payload').onkeydown = (event) => event.key === 'Escape' && closed()
  $('payload-close').onclick = closed
  const found = await ask(`inspector/rooms/${roomPath(dialect, room)}/payload/${seq}`).catch(
    (error) => error,
  )
  if (asked !== key) return
  if (found instanceof Error) {
    $('payload-title').textContent = `Record ${seq}`
    $('payload-body').replaceChildren(make('p', { className: 'problem' }, found.message))
  } else {
    $('payload-title').textContent = found.title
    $('payload-body').replaceChildren(...parts(found))
  }
  if (focuses) $('payload-title').focus()
}

export function hidePayload() {
  asked = null
  $('payload').hidden = true
}

function* parts({ about, text, sections, diff }) {
  if (about) yield make('p', { className: 'muted' }, about)
  if (diff) {
    const difference = make('div', {
      className: 'scrolled',
      tabIndex: 0,
      role: 'region',
      ariaLabel: 'The difference',
    })
    drawn(difference, diff)
    yield make(
      'details',
      { open: true },
      make('summary', {}, 'Difference to the description before'),
      difference,
    )
  }
  for (const section of sections ?? []) yield folded(section.title, section.text, true)
  yield folded('The whole payload', text, !sections?.length)
}

function folded(title, text, open) {
  const pre = make('pre', { tabIndex: 0, role: 'region', ariaLabel: title }, text)
  const copy = button('Copy', () => navigator.clipboard?.writeText(text), {
    className: 'quiet',
    ariaLabel: `Copy: ${title}`,
  })
  return make(
    'details',
    { open },
    make('summary', {}, title),
    make('div', { className: 'code' }, pre, copy),
  )
}
