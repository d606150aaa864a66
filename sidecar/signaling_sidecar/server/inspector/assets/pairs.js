/** The verdicts on the pairs of a room: the worst first. Many pairs with the same verdict share a row. */

import { $, announce, counted, keyed, make, rank, stateChip } from './elements.js'
import { urlOf } from './place.js'

const FOLDED_FROM = 7 // pairs with the same verdict; fewer have a row each
const MOST_SAID = 3 // sentences that a screen reader is given at once

const keyOf = ({ sessions }) => sessions.join('\n')

const opened = new Set() // the groups of pairs that somebody has opened
let groups = new Map()
let before = null

/**
 * Shows the verdict on the chosen pair above the messages, or else on the only pair that is not connected. Returns the
 * numbers of the records that show what is wrong with any pair.
 */
export function showVerdict(verdicts, pair) {
  const open = verdicts.filter(({ state, must_connect }) => must_connect && state !== 'connected')
  const told = pair ? verdicts.slice(0, 1) : open
  keyed($('verdict'), told.length === 1 ? told : [], keyOf, pairRow)
  const wrong = open.filter(({ state }) => state !== 'trying')
  return new Set(wrong.flatMap(({ evidence }) => evidence.map(({ seq }) => seq)))
}

/** Shows the verdicts, whose reasons `meanings` explains. If `placeKey` changes, screen readers are not notified. */
export function showPairs(verdicts, meanings, placeKey) {
  const isOther = before?.placeKey !== placeKey
  if (isOther) opened.clear()
  groups = Map.groupBy(verdicts.toSorted((a, b) => rank(a.state) - rank(b.state)), groupOf)
  keyed(
    $('pairs'),
    [...groups.values()].flatMap((pairs) => (pairs.length < FOLDED_FROM ? pairs.map(shortened) : folded(pairs, meanings))),
    (row) => row.key ?? keyOf(row),
    (row) => (row.key ? foldedRow : pairRow)(row),
  )
  showOpened()
  if (!isOther) tellChanges(verdicts)
  before = { placeKey, reasons: new Map(verdicts.map((verdict) => [keyOf(verdict), verdict.reason])) }
}

const namesOf = (labels) => `${labels.join(' and ')}: `
const saidOf = ({ sentence, labels }) => sentence.replace(namesOf(labels), '')
const groupOf = ({ reason, next_step, together }) => `${reason} ${next_step} ${together}`

/** Shortens advice that repeats the row above. */
const shortened = (pair, at) => (at && pair.next_step ? { ...pair, next_step: 'as above' } : pair)

function folded(pairs, meanings) {
  const [{ state, reason, next_step, together }] = pairs
  const count = `${pairs.length} ${together ? '' : 'earlier '}pairs: `
  const [said, ...others] = new Set(pairs.map(saidOf))
  return { key: groupOf(pairs[0]), state, next_step, count, meaning: others.length ? meanings[reason] : said }
}

function foldedRow({ key, state, next_step, count, meaning }) {
  const open = opened.has(key)
  const fold = make('details', { open }, make('summary', {}, 'Each of them'), make('ul', { className: 'pairs' }))
  fold.ontoggle = () => {
    opened[fold.open ? 'add' : 'delete'](key)
    showOpened()
  }
  const about = make('p', {}, make('b', {}, count), meaning)
  return make('li', { data: { state } }, stateChip(state), make('div', {}, about, advice(next_step), fold))
}

/** Renders the rows of a group of pairs only while the group is open. */
function showOpened() {
  for (const fold of $('pairs').querySelectorAll('details')) {
    const pairs = fold.open ? (groups.get(fold.closest('li').itemKey) ?? []) : []
    keyed(fold.lastChild, pairs.map((pair) => ({ ...pair, next_step: null })), keyOf, pairRow)
  }
}

function tellChanges(verdicts) {
  const changed = verdicts.filter((verdict) => before.reasons.get(keyOf(verdict)) !== verdict.reason)
  const said = changed.slice(0, MOST_SAID).map(({ sentence }) => sentence)
  if (changed.length > MOST_SAID) said.push(`and ${counted(changed.length - MOST_SAID, 'more pair')}`)
  if (said.length) announce(said.join('. '))
}

function pairRow({ state, sentence, notes, next_step, evidence, peers, labels }) {
  return make(
    'li',
    { data: { state } },
    stateChip(state),
    make(
      'div',
      {},
      make('p', {}, make('b', {}, namesOf(labels)), saidOf({ sentence, labels })),
      advice(next_step),
      ...(state === 'connected' ? [] : notes).map((note) => make('p', { className: 'muted small' }, note)),
      make('p', { className: 'muted small' }, ...links(evidence, peers, labels)),
    ),
  )
}

const advice = (next_step) => next_step && make('p', {}, make('b', {}, 'What to do: '), next_step)

function* links(evidence, pair, labels) {
  const ladder = { view: 'ladder', pair, kinds: [], seq: null }
  if (evidence.length) yield `Seen in record${evidence.length > 1 ? 's' : ''} `
  for (const [at, { seq }] of evidence.entries()) {
    if (at) yield ', '
    yield make('a', { href: urlOf({ ...ladder, seq }), ariaLabel: `#${seq}, a message` }, `#${seq}`)
  }
  if (evidence.length) yield ' · '
  yield make('a', { href: urlOf(ladder), ariaLabel: `All their messages: ${labels.join(', ')}` }, 'All their messages')
}
