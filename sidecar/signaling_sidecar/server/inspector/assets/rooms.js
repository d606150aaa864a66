/** The list of all rooms, and what is taught when there is none, or when something in them cannot be seen. */

import { $, counted, keyed, make, rank, stateChip, WORST_FIRST } from './elements.js'
import { place, urlOf } from './place.js'

const SEARCH_FROM = 8 // rooms

let rooms = []

export function takeRooms({ rooms: all, hints, problem }) {
  rooms = [...all].sort((a, b) => rank(a.worst) - rank(b.worst) || titleOf(a).localeCompare(titleOf(b)))
  const peers = rooms.reduce((sum, room) => sum + room.peers, 0)
  $('sum').textContent = rooms.length ? `${counted(rooms.length, 'room')}, ${counted(peers, 'peer')}` : ''
  $('empty').hidden = rooms.length > 0
  $('search').parentElement.hidden = rooms.length < SEARCH_FROM
  keyed($('hints'), problem ? [{ sentence: problem }, ...hints] : hints, ({ sentence }) => sentence, hintRow)
  showRooms()
}

export function showRooms() {
  const here = place()
  const wanted = $('search').value.trim().toLowerCase()
  const shown = rooms
    .filter(({ room, name, dialect }) => `${name ?? ''} ${room} ${dialect}`.toLowerCase().includes(wanted))
    .map((room) => ({ ...room, isHere: room.room === here.room && room.dialect === here.dialect, view: here.view }))
  keyed($('rooms'), shown, ({ dialect, room }) => `${dialect}/${room}`, roomRow)
  $('none-found').hidden = rooms.length === 0 || shown.length > 0
}

export const titleOf = ({ name, room }) => name ?? room

function roomRow({ dialect, room, name, listed, peers, away, pairs, worst, sentence, isHere }) {
  const link = make('a', { href: urlOf({ room, dialect }), className: 'room-link' }, name ?? room)
  if (isHere) link.ariaCurrent = 'page'
  return make(
    'li',
    { data: { room, state: worst ?? 'none' } },
    make('div', { className: 'heading' }, link, worst && stateChip(worst, pairsText(pairs))),
    make(
      'div',
      { className: 'muted small' },
      facts(dialect, counted(peers, 'peer'), away && `${away} away`, !listed && 'hidden'),
    ),
    sentence && make('div', { className: 'sentence' }, sentence),
  )
}

export const facts = (...all) => all.filter(Boolean).join(' · ')

/** Such as `2 failed, 1 connected`: all states that some pair has, the worst one first. */
function pairsText(pairs) {
  const there = WORST_FIRST.filter((state) => pairs[state])
  if (there.length > 1) return there.map((state) => `${pairs[state]} ${state}`).join(', ')
  return pairs[there[0]] === 1 ? there[0] : `all ${pairs[there[0]]} ${there[0]}`
}

function hintRow({ code = '', sentence, remedy }) {
  return make('li', { data: { code } }, make('p', {}, sentence), remedy && make('p', { className: 'muted' }, remedy))
}
