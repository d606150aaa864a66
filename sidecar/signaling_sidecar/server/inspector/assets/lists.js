/** The two long lists of a room: the rungs of the ladder, and the raw records. */

import { ask, roomPath } from './api.js'
import { $, announce, counted, drawn, make } from './elements.js'
import { filters, go, pairText, place } from './place.js'
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

const api = (path, query, signal) => {
  const { dialect, room } = place()
  return ask(`inspector/rooms/${roomPath(dialect, room)}/${path}?${filters(query)}`, { signal })
}

/** `from` may be 0, which `filters` would leave out. */
const range = ({ from, seq, count }) => ({ count, ...(seq ? { seq } : { from: String(from) }) })

export function ladderList(rowPx) {
  return new VirtualList($('ladder-list'), {
    label: 'Ladder: what the peers have sent, a row for each message',
    rowPx,
    fetchRows: (query, signal) => {
      const { pair, kinds } = place()
      return api(
        'ladder',
        { ...range(query), pair: pairText(pair), kinds: kinds.join(',') },
        signal,
      )
    },
    drawRow: (element, { html }) => drawn(element, html),
    open: ({ seq }) => go({ seq }),
    tell: (error) => tell(ladder, 'ladder', error),
  })
}

export function recordList() {
  return new VirtualList($('record-list'), {
    label: 'Records of the event log',
    rowPx: RECORD_PX,
    fetchRows: async (query, signal) => {
      const { pair, type, text } = place()
      const found = await api(
        'records',
        { ...range(query), pair: pairText(pair), type, text },
        signal,
      )
      return { ...found, rows: found.records.map(recordRow) }
    },
    drawRow: drawRecord,
    open: ({ seq }) => go({ seq }),
    tell: (error) => tell(records, 'record', error),
  })
}

function recordRow(record) {
  const { row, seq, ts, type, peer, to, bytes, kind, data } = record
  const at = new Date(ts * 1000).toISOString().slice(11, 23)
  const who = [peer, to?.length ? `→ ${[to].flat().join(', ')}` : ''].filter(Boolean).join(' ')
  const size = bytes === undefined ? '' : `${bytes} B`
  const cells = [
    String(seq),
    at,
    kind ? `${type} (${kind})` : type,
    who,
    size,
    typeof data === 'string' ? data : JSON.stringify(data),
  ]
  return { row, seq, cells, text: `record ${cells.slice(0, 5).filter(Boolean).join(', ')}` }
}

function drawRecord(element, { cells }) {
  element.append(
    ...cells.map((cell) => make('span', { className: 'cell' }, (cell ?? '').slice(0, 300))),
  )
}

let ladder = null
let records = null

/** Shows the list of this view, and follows it or goes to the record in the URL. */
export function showList(view, rowPx) {
  if (view === 'ladder') ladder ??= ladderList(rowPx)
  else records ??= recordList()
  return listOf(view)
}

export const listOf = (view) => ({ ladder, records })[view]

/** Forgets the rows of both lists, because another room or other filters are shown. */
export function clearLists() {
  ladder?.clear()
  records?.clear()
}

function tell(list, name, error) {
  if (!list) return
  const state = $(`${name}-state`)
  const isFollowing = list.following
  state.ariaPressed = String(isFollowing)
  state.textContent = isFollowing ? 'Following' : 'Paused'
  state.title = isFollowing
    ? 'New rows are shown as they come. Press to pause.'
    : 'Press to go to the newest row, and to follow.'
  const about = error
    ? `not up to date: ${error.message}`
    : list.total === null
      ? ''
      : counted(list.total, 'row')
  $(`${name}-count`).textContent = about
  $(`${name}-none`).hidden = list.total !== 0
}

export function prepareLists() {
  for (const [name, listed] of [
    ['ladder', () => ladder],
    ['record', () => records],
  ]) {
    $(`${name}-state`).onclick = () => {
      const list = listed()
      list.following ? list.pause() : list.follow()
      announce(list.following ? 'Following' : 'Paused')
    }
  }
}
