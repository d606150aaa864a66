/** The list of all rooms, and what is taught when there is none, or when something in them cannot be seen. */

import { $, counted, keyed, make, STATES, stateChip, WORST_FIRST } from './elements.js'
import { place, urlOf } from './place.js'

const SEARCH_FROM = 8 // rooms

let rooms = []

/** Returns the room of the place in the newest list, or undefined if nobody has been in it. */
export const roomHere = ({ dialect, room } = place()) =>
  rooms.find((each) => each.dialect === dialect && each.room === room)

export function takeRooms({ rooms: all, hints, problem }) {
  rooms = all
  const peers = rooms.reduce((sum, room) => sum + room.peers, 0)
  $('sum').textContent = rooms.length
    ? `${counted(rooms.length, 'room')}, ${counted(peers, 'peer')}`
    : ''
  $('empty').hidden = rooms.length > 0
  $('search').parentElement.hidden = rooms.length < SEARCH_FROM
  const notes = [...(problem ? [{ code: 'problem', sentence: problem }] : []), ...hints]
  keyed($('hints'), notes, ({ code, sentence }) => code + sentence, hintRow)
  showRooms()
}

export function showRooms() {
  const here = place()
  const wanted = $('search').value.trim().toLowerCase()
  const shown = rooms.filter(({ room, name, dialect }) =>
    `${name ?? ''} ${room} ${dialect}`.toLowerCase().includes(wanted),
  )
  const items = shown
    .sort((a, b) => rank(a) - rank(b) || titleOf(a).localeCompare(titleOf(b)))
    .map((room) => ({ ...room, isHere: room.room === here.room && room.dialect === here.dialect }))
  keyed($('rooms'), items, ({ dialect, room }) => `${dialect}/${room}`, roomRow)
  $('none-found').hidden = rooms.length === 0 || shown.length > 0
}

const rank = ({ worst }) => (worst === null ? WORST_FIRST.length : WORST_FIRST.indexOf(worst))

export const titleOf = ({ name, room }) => name ?? room

function roomRow({ dialect, room, name, listed, peers, away, pairs, worst, sentence, isHere }) {
  const link = make('a', { href: urlOf({ room, dialect }), className: 'room-link' }, name ?? room)
  if (isHere) link.setAttribute('aria-current', 'page')
  const facts = [dialect, counted(peers, 'peer'), away && `${away} away`, !listed && 'hidden']
    .filter(Boolean)
    .join(' · ')
  return make(
    'li',
    { data: { room, state: worst ?? 'none' } },
    make(
      'div',
      { className: 'room-line' },
      link,
      worst ? stateChip(worst, pairsText(pairs)) : null,
    ),
    make('div', { className: 'muted small' }, facts),
    sentence && make('div', { className: 'sentence' }, sentence),
  )
}

/** Such as `2 failed, 1 connected`: all states that some pair has, the worst one first. */
export function pairsText(pairs) {
  const there = WORST_FIRST.filter((state) => pairs[state])
  if (there.length === 1 && there[0] === 'connected')
    return pairs.connected === 1 ? 'connected' : `all ${pairs.connected} connected`
  return there.map((state) => `${pairs[state]} ${STATES[state].word}`).join(', ')
}

function hintRow({ code, sentence, remedy }) {
  return make(
    'li',
    { data: { code } },
    make('p', {}, sentence),
    remedy && make('p', {}, make('code', {}, remedy)),
  )
}
