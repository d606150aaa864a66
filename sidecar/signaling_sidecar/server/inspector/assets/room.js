/** One room: its verdicts, drawings, peers and records. */

import { close, copyMarkdown, kick, rules, say } from './actions.js'
import { ask, roomPath } from './api.js'
import { $, announce, button, counted, drawn, keyed, make } from './elements.js'
import { clearLists, KINDS, listOf } from './lists.js'
import { paced } from './pacing.js'
import { showPairs, showVerdict } from './pairs.js'
import { hidePayload, showPayload } from './payload.js'
import { filters, go, pairText, place, urlOf } from './place.js'
import { dialectOf, facts, hintRow, keyOf, titleOf } from './rooms.js'

const FETCH_GAP_MS = 500
const SAID_FOR_MS = 3000
const hasList = ({ view }) => view === 'ladder' || view === 'records'

let shown = null // the newest answer about the room in the URL, and the pair to which it is limited
let listKey = ''
let onProblem = () => {}

/** Fetches the room, and shows it. Must be called after each change; the requests are throttled. */
export const refreshRoom = paced(async () => {
  const here = place()
  if (here.room === null || document.hidden) return
  const query = filters({ pair: pairText(here.pair), kinds: here.kinds.join(',') })
  try {
    const found = await ask(`inspector/rooms/${roomPath(here.dialect, here.room)}?${query}`)
    if (keyOf(place()) !== keyOf(here)) return
    shown = { ...found, pair: here.pair }
    showFound()
  } catch (error) {
    if (keyOf(place()) === keyOf(here)) showMissing(error)
  }
}, FETCH_GAP_MS)

/** Shows the room in the new URL. */
export function enterRoom() {
  const here = place()
  const isOther = !shown || keyOf(shown.room) !== keyOf(here)
  if (isOther) {
    shown = null
    $('room-body').hidden = $('actions').hidden = $('room-missing').hidden = true
    $('room-title').textContent = here.room
  }
  for (const link of $('views').querySelectorAll('a')) {
    const { view } = link.dataset
    link.href = urlOf({ view, seq: null })
    link.ariaCurrent = view === here.view ? 'page' : null
  }
  $('only-pair').hidden = here.pair === null
  $('all-pairs').href = urlOf({ pair: null })
  for (const panel of document.querySelectorAll('[data-panel]')) panel.hidden = panel.dataset.panel !== here.view
  // Without this, the back button would leave the text of an earlier filter in the field that has the focus.
  showFilters(shown?.verdicts ?? [], here, { keepsFocused: false })
  if (shown) showFound()
  showOpenRecord()
  refreshRoom()
}

/** Forgets the room, because the list of rooms is shown, or because the sidecar was started again. */
export function leaveRoom() {
  shown = null
  $('actions').hidden = true
  listKey = ''
  clearLists()
  hidePayload()
}

function showMissing(error) {
  if (error.status !== 404) return onProblem(error)
  shown = null
  $('room-body').hidden = $('actions').hidden = true
  $('room-missing').hidden = false
  $('missing-about').textContent = error.message
}

export function prepareRoom(problem) {
  onProblem = problem
  $('copy').onclick = async () => {
    const said = await copyMarkdown(place())
    announce(said)
    $('copy').textContent = said
    setTimeout(() => ($('copy').textContent = 'Copy as Markdown for an issue'), SAID_FOR_MS)
  }
  for (const [id, act] of Object.entries({ say, rules, close })) $(id).onclick = () => act(shown.room)
  for (const select of document.querySelectorAll('.pair-filter'))
    select.onchange = () => go({ pair: JSON.parse(select.value || 'null'), seq: null })
  $('kinds').append(...Object.entries(KINDS).map(kindBox))
  for (const id of ['type', 'text']) $(id).onchange = () => go({ [id]: $(id).value.trim(), seq: null })
}

function kindBox([label, kinds]) {
  const box = make('input', { type: 'checkbox', value: kinds.join(',') })
  box.onchange = () => {
    const boxes = [...$('kinds').querySelectorAll('input')]
    const ticked = boxes.filter((each) => each.checked)
    // If all kinds are chosen, the URL gets no filter.
    const chosen = ticked.length === boxes.length ? [] : ticked
    go({ kinds: chosen.flatMap((each) => each.value.split(',')), seq: null })
  }
  return make('label', {}, box, label)
}

// --- what is shown --------------------------------------------------------------------------------------------------

function showFound() {
  const { room, peers, verdicts, meanings, rejections, mesh, timeline } = shown
  const here = place()
  $('room-body').hidden = $('actions').hidden = false
  $('room-missing').hidden = true
  $('room-title').textContent = titleOf(room)
  $('room-facts').textContent = about(room)
  $('summary').textContent = room.summary
  $('summary').dataset.state = room.worst ?? 'none'
  $('close').hidden = $('say').hidden = $('rules').hidden = peers.length === 0
  showPairs(verdicts, meanings, JSON.stringify([keyOf(room), shown.pair]))
  keyed($('rejections'), rejections, ({ sentence }) => sentence, hintRow)
  $('rejections').hidden = rejections.length === 0
  $('side').hidden = peers.length === 0
  keyed($('peers'), peers, ({ session }) => session, peerRow)
  $('no-pair').hidden = verdicts.length > 0
  $('no-pair').textContent = whyNoPair(here.pair, peers, room.withoutSignals)
  if (here.view === 'mesh') drawnToFit($('mesh'), mesh)
  if (here.view === 'timeline') drawn($('timeline'), timeline)
  showFilters(verdicts, here)
  showRows(here)
}

function whyNoPair(pair, peers, withoutSignals = '') {
  if (pair) return `The peers ${pair.join(' and ')} have not met here.`
  if (peers.length < 2) return 'Open your page in a second tab.'
  return `None of these peers has sent another one a signal that can be read. ${withoutSignals}`
}

function about({ dialect, room, name, peers, capacity, listed, mode, ended }) {
  if (ended) return dialectOf(dialect)
  const count = capacity ? `${peers} of at most ${counted(capacity, 'peer')}` : counted(peers, 'peer')
  return facts(name && room, dialectOf(dialect), count, mode, !listed && 'hidden')
}

function peerRow({ peer, label, away, host, joinedAt }) {
  const { dialect, room } = place()
  const since = `since ${new Date(joinedAt).toLocaleTimeString([], { timeStyle: 'medium' })}`
  const about = facts(host && 'host', away && 'away', since, peer !== label && peer)
  const ask = () => kick({ dialect, room }, { peer, label })
  return make(
    'li',
    { data: { peer } },
    make('div', {}, make('b', {}, label), make('div', { className: 'muted small' }, about)),
    button('Kick…', ask, { ariaLabel: `Kick ${label}…` }),
  )
}

/** The drawing has wide margins for long names. They are cut off here, so that a phone shows it without scrolling. */
function drawnToFit(element, html) {
  const svg = drawn(element, html) && element.querySelector('svg')
  if (!svg) return
  const { x, y, width, height } = svg.getBBox()
  svg.setAttribute('viewBox', `${x - 4} ${y - 4} ${width + 8} ${height + 8}`)
  svg.setAttribute('width', width + 8)
  svg.setAttribute('height', height + 8)
}

/** Shows the filters in the URL. While the user changes a field, only `keepsFocused: false` replaces its value. */
function showFilters(verdicts, here, { keepsFocused = true } = {}) {
  const isKept = (field) => keepsFocused && document.activeElement === field
  const chosen = here.pair && JSON.stringify(here.pair)
  const pairs = new Map(verdicts.map(({ peers, labels }) => [JSON.stringify(peers), labels.join(' and ')]))
  if (chosen && !pairs.has(chosen)) pairs.set(chosen, here.pair.join(' and '))
  for (const select of document.querySelectorAll('.pair-filter')) {
    keyed(select, [['', 'all peers'], ...pairs], ([value]) => value, ([value, label]) => new Option(label, value))
    if (!isKept(select)) select.value = chosen ?? ''
  }
  for (const box of $('kinds').querySelectorAll('input'))
    box.checked = here.kinds.length === 0 || box.value.split(',').every((kind) => here.kinds.includes(kind))
  for (const id of ['type', 'text']) if (!isKept($(id))) $(id).value = here[id]
}

function showRows(here) {
  if (!hasList(here)) return
  const { ladder, seq, room, verdicts } = shown
  const list = listOf(here.view, ladder.rowPx)
  const key = JSON.stringify([keyOf(room), here.view, here.pair, here.kinds, here.type, here.text])
  const isNew = listKey !== key
  if (isNew) list.clear()
  listKey = key
  if (here.view === 'ladder') {
    list.marked = showVerdict(verdicts, here.pair)
    drawn(list.head, ladder.head)
    list.body.style.width = list.head.style.width = `${ladder.widthPx}px`
  }
  for (const about of document.querySelectorAll('.cut')) about.textContent = ladder.cut
  const isMissing = list.seenSeq === null && list.total === null // the first request may have failed
  if ((isNew || isMissing) && here.seq) list.reveal(here.seq)
  else if (isNew || list.seenSeq !== seq) list.refresh()
  else list.show()
  list.seenSeq = seq
}

/** Shows the payload of the record in the URL, below the list. */
function showOpenRecord() {
  const here = place()
  const list = listOf(here.view)
  if (here.seq === null || !hasList(here)) {
    hidePayload()
    if (list) list.openSeq = null
    list?.show()
    return
  }
  // The payload is shown first, because it takes space from the list.
  showPayload(here, here.seq, closePayload, list?.scroller.contains(document.activeElement))
  if (list && list.openSeq !== here.seq) list.reveal(here.seq)
}

function closePayload() {
  go({ seq: null })
  listOf(place().view)?.scroller.focus()
}
