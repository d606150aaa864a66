/** The verdicts on the pairs of a room: the worst first, and those that are connected together. */

import { $, announce, counted, keyed, make, rank, stateChip } from './elements.js'
import { statesText } from './rooms.js'
import { urlOf } from './place.js'

const FOLDED_FROM = 7 // pairs that are connected; fewer are shown at once
const MOST_SAID = 3 // sentences that a screen reader is given at once

const keyOf = ({ sessions, peers }) => (sessions ?? peers).join('\n')

let before = null

/**
 * Shows the verdict on the chosen pair above the messages, or else on the only pair that is not connected. Returns the
 * numbers of the records that show what is wrong with any pair.
 */
export function showVerdict(verdicts, pair) {
  const told = pair ? verdicts.slice(0, 1) : verdicts.filter(({ state }) => state !== 'connected')
  keyed($('verdict'), told.length === 1 ? told : [], keyOf, pairRow)
  const wrong = verdicts.filter(({ state }) => state === 'failed' || state === 'unknown')
  return new Set(wrong.flatMap(({ evidence }) => evidence.map(({ seq }) => seq)))
}

/** Shows the verdicts. When `roomKey` is another one, they are no news. */
export function showPairs(verdicts, roomKey) {
  const sorted = [...verdicts].sort((a, b) => rank(a.state) - rank(b.state)).map(shortened)
  const working = sorted.filter(({ state }) => state === 'connected')
  keyed($('faulty'), sorted.slice(0, sorted.length - working.length), keyOf, pairRow)
  keyed($('working'), working, keyOf, pairRow)
  $('working-fold').hidden = working.length === 0
  $('working-title').textContent =
    working.length === 1 ? '1 pair is connected' : `${working.length} pairs are connected`
  if (before?.roomKey !== roomKey) $('working-fold').open = working.length < FOLDED_FROM
  else tellChanges(sorted)
  before = { roomKey, reasons: new Map(sorted.map((verdict) => [keyOf(verdict), verdict.reason])) }
}

/** The same advice is not repeated. */
const shortened = (verdict, at, all) =>
  verdict.next_step && verdict.next_step === all[at - 1]?.next_step ? { ...verdict, next_step: 'as above' } : verdict

function tellChanges(verdicts) {
  const changed = verdicts.filter((verdict) => before.reasons.get(keyOf(verdict)) !== verdict.reason)
  const said = changed.slice(0, MOST_SAID).map(({ sentence }) => sentence)
  if (changed.length > MOST_SAID) said.push(`and ${counted(changed.length - MOST_SAID, 'more pair')}`)
  if (said.length) announce(said.join('. '))
}

function pairRow({ state, sentence, notes, next_step, evidence, peers, labels }) {
  const names = `${labels.join(' and ')}: `
  return make(
    'li',
    { data: { state } },
    stateChip(state),
    make(
      'div',
      {},
      make('p', {}, make('b', {}, names), sentence.replace(names, '')),
      next_step && make('p', {}, make('b', {}, 'What to do: '), next_step),
      ...(state === 'connected' ? [] : notes).map((note) => make('p', { className: 'muted small' }, note)),
      make('p', { className: 'muted small' }, ...links(evidence, peers, labels)),
    ),
  )
}

function* links(evidence, pair, labels) {
  const ladder = { view: 'ladder', pair, kinds: [], seq: null }
  if (evidence.length) yield evidence.length === 1 ? 'Seen in record ' : 'Seen in records '
  for (const [at, { seq }] of evidence.entries()) {
    if (at) yield ', '
    yield make('a', { href: urlOf({ ...ladder, seq }), ariaLabel: `#${seq}, a message` }, `#${seq}`)
  }
  if (evidence.length) yield ' · '
  yield make('a', { href: urlOf(ladder), ariaLabel: `All their messages: ${labels.join(', ')}` }, 'All their messages')
}

/** One sentence about the whole room, for the first glance. */
export function summaryOf({ pairs, peers, worst, ended }) {
  if (ended) return 'Everybody has left this room.'
  const all = Object.values(pairs).reduce((sum, count) => sum + count, 0)
  if (all === 0) return peers === 1 ? 'One peer is here, and nobody else.' : `${peers} peers are here.`
  if (all === 1) return `The two peers ${OF_TWO[worst]}.`
  if (pairs.connected === all) return `${all === 2 ? 'Both' : `All ${all}`} pairs are connected.`
  const known = pairs.unknown ? 'known to be connected' : 'connected'
  return `${pairs.connected} of ${all} pairs are ${known}, ${statesText({ ...pairs, connected: 0 })}.`
}

const OF_TWO = {
  connected: 'are connected',
  failed: 'are not connected',
  trying: 'are connecting',
  unknown: 'may be connected or not',
}
