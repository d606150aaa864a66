/** The two long lists of a room: the rows of the ladder, and the raw records. */

import { ask, roomPath } from './api.js'
import { $, announce, counted, drawn, make } from './elements.js'
import { filters, go, pairText, place } from './place.js'
import { VirtualList } from './virtual_list.js'

export const KINDS = {
  Offers: ['offer'],
  Answers: ['answer'],
  Candidates: ['candidate'],
  'Other messages': ['other'],
  Refused: ['refused'],
  'Coming and going': ['joined', 'away', 'back', 'left', 'updated'],
  'Connection states': ['connected', 'disconnected', 'failed'],
  'Other records': ['note'],
}

const OPTIONS = {
  ladder: {
    label: 'Messages in the room, in the order of time',
    filters: ({ kinds }) => ({ kinds: kinds.join(',') }),
    drawRow: (element, { html, text }) => {
      drawn(element, html)
      element.firstChild.ariaHidden = 'true'
      element.append(make('b', { className: 'hidden' }, text))
    },
  },
  records: {
    label: 'Records of the event log',
    filters: ({ type, text }) => ({ type, text }),
    drawRow: (element, { cells }) => element.append(...cells.map((cell) => make('span', {}, cell))),
  },
}
const lists = {}

/** Returns the list of this view, or undefined if the view has none. `rowPx` is the height of its rows. */
export function listOf(view, rowPx) {
  if (!lists[view] && rowPx) lists[view] = newList(view, { ...OPTIONS[view], rowPx })
  return lists[view]
}

/** Forgets the rows of both lists. */
export function clearLists() {
  for (const list of Object.values(lists)) list.clear()
}

function newList(view, options) {
  const state = $(`${view}-state`)
  const tell = (error) => {
    const list = lists[view]
    state.ariaPressed = String(list.following)
    state.textContent = list.following ? 'Following' : 'Paused'
    $(`${view}-count`).textContent = error ? `Not up to date: ${error.message}` : counted(list.total - list.gone, 'row')
    $(`${view}-none`).hidden = list.total !== list.gone
  }
  state.onclick = () => {
    const list = lists[view]
    list.setFollowing(!list.following)
    announce(state.textContent)
  }
  const fetchRows = ({ from, seq, count }, signal) => {
    const here = place()
    // `from` is a string, because `filters` leaves out the number 0.
    const range = seq ? { seq } : { from: String(from) }
    const query = filters({ ...range, count, pair: pairText(here.pair), ...options.filters(here) })
    return ask(`inspector/rooms/${roomPath(here.dialect, here.room)}/${view}?${query}`, { signal })
  }
  return new VirtualList($(`${view}-list`), { ...options, fetchRows, tell, open: ({ seq }) => go({ seq }) })
}
