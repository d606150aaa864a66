/** Shows the list of all rooms, and hints about what cannot be shown. */

import { $, counted, keyed, make, rank, stateChip } from './elements.js'
import { OWN, place, urlOf } from './place.js'

const SEARCH_FROM = 8 // rooms

let rooms = []

export function takeRooms({ rooms: all, hints, problem }) {
  rooms = [...all].sort((a, b) => rank(a.worst) - rank(b.worst) || titleOf(a).localeCompare(titleOf(b)))
  const peers = rooms.reduce((sum, room) => sum + room.peers, 0)
  $('sum').textContent = rooms.length ? `${counted(rooms.length, 'room')}, ${counted(peers, 'peer')}` : ''
  $('empty').hidden = rooms.length > 0
  $('find').hidden = rooms.length < SEARCH_FROM && $('search').value === ''
  keyed($('hints'), problem ? [{ sentence: problem }, ...hints] : hints, ({ sentence }) => sentence, hintRow)
  showRooms()
}

export function showRooms() {
  const here = place()
  const wanted = $('search').value.trim().toLowerCase()
  const shown = rooms
    .filter(({ room, name, dialect }) => `${name ?? ''} ${room} ${dialect}`.toLowerCase().includes(wanted))
    .map((room) => ({ ...room, isHere: room.room === here.room && room.dialect === here.dialect, view: here.view }))
  keyed($('rooms'), shown, keyOf, roomRow)
  $('none-found').hidden = rooms.length === 0 || shown.length > 0
}

export const dialectOf = (dialect) => `protocol “${dialect}”`
export const keyOf = ({ dialect, room }) => `${dialect}/${room}`
export const titleOf = ({ name, room }) => name ?? room

function roomRow({ dialect, room, name, listed, peers, away, pairsInWords, worst, sentence, isHere, ended }) {
  const link = make('a', { href: urlOf({ room, dialect }), className: 'room-link' }, name ?? room)
  if (isHere) link.ariaCurrent = 'page'
  return make(
    'li',
    { data: { room, state: worst ?? 'none' } },
    make('div', { className: 'heading' }, link, worst && stateChip(worst, pairsInWords)),
    make(
      'div',
      { className: 'muted small' },
      facts(ended ? 'ended' : counted(peers, 'peer'), away && `${away} away`, !listed && 'hidden', dialect !== OWN && dialectOf(dialect)),
    ),
    sentence && make('div', { className: 'sentence' }, sentence),
  )
}

export const facts = (...all) => all.filter(Boolean).join(' · ')

/** In a rejection, the remedy is called `next_step`. */
export function hintRow({ code = '', sentence, next_step, remedy = next_step }) {
  return make('li', { data: { code } }, make('p', {}, sentence), remedy && make('p', { className: 'muted' }, remedy))
}
