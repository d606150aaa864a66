/** The verdicts on the pairs of a room: the worst first, and those that are connected together. */

import { $, announce, counted, keyed, make, STATES, stateChip, WORST_FIRST } from './elements.js'
import { urlOf } from './place.js'

const FOLDED_FROM = 7 // pairs that are connected; with fewer, all are shown
const MOST_SAID = 3 // sentences that a screen reader is given at once

const keyOf = ({ sessions, peers }) => (sessions ?? peers).join('\n')

let statesBefore = null

/** Shows them. `roomKey` tells when it is another room, of which the first verdicts are no news. */
export function showPairs(verdicts, roomKey) {
  const sorted = [...verdicts].sort(
    (a, b) => WORST_FIRST.indexOf(a.state) - WORST_FIRST.indexOf(b.state),
  )
  const isWorking = ({ state }) => state === 'connected'
  keyed(
    $('faulty'),
    sorted.filter((verdict) => !isWorking(verdict)),
    keyOf,
    pairRow,
  )
  const working = sorted.filter(isWorking)
  keyed($('working'), working, keyOf, pairRow)
  $('working-fold').hidden = working.length === 0
  $('working-title').textContent =
    working.length === 1 ? '1 pair is connected' : `${working.length} pairs are connected`
  tellChanges(sorted, roomKey, working.length)
}

function tellChanges(verdicts, roomKey, working) {
  const states = new Map(verdicts.map((verdict) => [keyOf(verdict), verdict.reason]))
  if (statesBefore?.roomKey !== roomKey) {
    $('working-fold').open = working < FOLDED_FROM
  } else {
    const changed = verdicts.filter(
      (verdict) => statesBefore.states.get(keyOf(verdict)) !== verdict.reason,
    )
    const more = changed.length - MOST_SAID
    const said = changed.slice(0, MOST_SAID).map(({ sentence }) => sentence)
    if (changed.length)
      announce(
        [...said, more > 0 && `and ${counted(more, 'more pair')}`].filter(Boolean).join('. '),
      )
  }
  statesBefore = { roomKey, states }
}

function pairRow({ state, sentence, notes, next_step, evidence, peers, room, dialect, labels }) {
  const said = labels.join(' and ')
  const isPlain = sentence.startsWith(`${said}: `)
  return make(
    'li',
    { className: 'pair', data: { state } },
    stateChip(state),
    make(
      'div',
      {},
      make(
        'p',
        {},
        make('b', {}, said),
        isPlain ? `: ${sentence.slice(said.length + 2)}` : `: ${sentence}`,
      ),
      ...(notes ?? []).map((note) => make('p', { className: 'muted small' }, note)),
      next_step && make('p', { className: 'next-step' }, make('b', {}, 'What to do: '), next_step),
      links({ evidence, peers, room, dialect }, said),
    ),
  )
}

function links({ evidence, peers }, said) {
  const ladder = { view: 'ladder', pair: peers, kinds: [], seq: null }
  const records = evidence.map(({ seq }) =>
    make(
      'a',
      {
        href: urlOf({ ...ladder, seq }),
        ariaLabel: `Record ${seq}, which shows it, in the ladder`,
      },
      `#${seq}`,
    ),
  )
  const all = make(
    'a',
    { href: urlOf(ladder), ariaLabel: `All messages between ${said}` },
    'all messages of the two',
  )
  const seen = records.length ? ['seen in ', ...records.flatMap((link) => [link, ' · '])] : []
  return make('p', { className: 'muted small evidence' }, ...seen, all)
}

/** One sentence about the whole room, for the first glance. */
export function summaryOf({ pairs, peers }) {
  const all = Object.values(pairs).reduce((sum, count) => sum + count, 0)
  if (all === 0)
    return peers === 1
      ? 'One peer is here, and waits for another one.'
      : 'There is no pair of peers here.'
  if (pairs.connected === all)
    return all === 1 ? 'The two peers are connected.' : `All ${all} pairs are connected.`
  const rest = WORST_FIRST.filter((state) => pairs[state] && state !== 'connected').map(
    (state) => `${pairs[state]} ${WORDS[state]}`,
  )
  const connected = pairs.connected
    ? `${pairs.connected} of ${counted(all, 'pair')} connected`
    : `No pair of ${all} is connected`
  return `${pairs.connected || all > 1 ? connected : 'The two peers are not connected'}: ${rest.join(', ')}.`
}

const WORDS = { failed: 'failed', trying: 'still trying', unknown: 'unknown' }
