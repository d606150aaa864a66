/** The two long lists of a room: the rows of the ladder, and the raw records. */

import { ask, roomPath } from './api.js'
import { $, announce, counted, drawn, make } from './elements.js'
import { filters, go, pairText, place } from './place.js'
import { facts } from './rooms.js'
import { VirtualList } from './virtual_list.js'

const RECORD_PX = 24
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

const lists = {}

/** Returns the list of this view, or undefined if the view has none. `rowPx` is the height of the ladder's rows. */
export function listOf(view, rowPx) {
  if (!lists[view] && rowPx) lists[view] = view === 'ladder' ? ladderList(rowPx) : recordList()
  return lists[view]
}

/** Forgets the rows of both lists, because another room is shown, or another run of the sidecar. */
export function clearLists() {
  for (const list of Object.values(lists)) list.clear()
}

const ladderList = (rowPx) =>
  newList('ladder', {
    label: 'Messages in the room, in the order of time',
    rowPx,
    fetchRows: (query, signal) => fetched('ladder', query, { kinds: place().kinds.join(',') }, signal),
    drawRow: (element, { html, text }) => {
      drawn(element, html)
      element.firstChild.ariaHidden = 'true'
      element.append(make('b', { className: 'hidden' }, text))
    },
  })

const recordList = () =>
  newList('records', {
    label: 'Records of the event log',
    rowPx: RECORD_PX,
    fetchRows: async (query, signal) => {
      const { type, text } = place()
      const found = await fetched('records', query, { type, text }, signal)
      return { ...found, rows: found.records.map(recordRow) }
    },
    drawRow: (element, { cells }) => element.append(...cells.map((cell) => make('span', {}, cell))),
  })

function newList(view, options) {
  const state = $(`${view}-state`)
  const tell = (error) => {
    const list = lists[view]
    state.ariaPressed = String(list.following)
    state.textContent = list.following ? 'Following' : 'Paused'
    $(`${view}-count`).textContent = error ? `Not up to date: ${error.message}` : counted(list.total ?? 0, 'row')
    $(`${view}-none`).hidden = list.total !== 0
  }
  state.onclick = () => {
    const list = lists[view]
    list.following ? list.pause() : list.follow()
    announce(state.textContent)
  }
  return new VirtualList($(`${view}-list`), { ...options, tell, open: ({ seq }) => go({ seq }) })
}

function fetched(path, { from, seq, count }, wanted, signal) {
  const { dialect, room, pair } = place()
  // As text, because `filters` leaves out the number 0.
  const range = seq ? { seq } : { from: String(from) }
  const query = filters({ ...range, count, pair: pairText(pair), ...wanted })
  return ask(`inspector/rooms/${roomPath(dialect, room)}/${path}?${query}`, { signal })
}

function recordRow({ row, seq, ts, type, peer, to, bytes, kind, data }) {
  const at = new Date(ts * 1000).toISOString().slice(11, 23)
  const who = [peer, to?.length && `→ ${[to].flat().join(', ')}`].filter(Boolean).join(' ')
  const cells = [seq, at, kind ? `${type} (${kind})` : type, who, bytes == null ? '' : `${bytes} B`]
  const content = typeof data === 'string' ? data : JSON.stringify(data ?? '')
  return { row, seq, cells: [...cells, content.slice(0, 300)], text: facts(...cells) }
}
