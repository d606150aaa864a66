/** Creates the lists of the panel: the verdicts on the pairs of each room, and the refusals. */

import { element } from './element.ts'
import type { Room } from './messages.ts'
import { byBadness, signOf } from './states.ts'
import { OUR_DIALECT } from './summary.ts'
import type { Rejection, Verdict } from './verdicts.ts'

/**
 * The maximum number of pairs per room. A room of ten peers has 45 pairs; the inspector shows all
 * of them.
 */
const MOST_PAIRS = 20
/** The maximum number of refusals in the list, because an app that retries can cause any number of them. */
const MOST_REJECTIONS = 5
/** All links open in the same tab, so that ten clicks do not open ten tabs. */
const TAB = 'signaling-inspector'
const ALONE = 'There are no two peers here yet.'
const SILENT = 'None of these peers has sent another one a signal that can be read.'

/** A room as the panel shows it. */
export interface ShownRoom {
  readonly room: Room
  /** The ids of the peers of this page. The pairs with these peers come first. */
  readonly own: readonly string[]
  readonly verdicts: readonly Verdict[]
}

export function roomSection({ room, own, verdicts }: ShownRoom, inspector: string): HTMLElement {
  const isOwn = ({ peers }: Verdict) => peers.some((peer) => own.includes(peer))
  const sorted = verdicts.toSorted((one, other) => byBadness(one.state, other.state))
  const ofPage = sorted.filter(isOwn)
  const shown = [...ofPage, ...sorted.filter((verdict) => !isOwn(verdict))].slice(0, MOST_PAIRS)
  const list = (pairs: Verdict[]) =>
    element('ul', {}, ...pairs.map((verdict) => pairItem(room, verdict, inspector)))
  const others = shown.slice(ofPage.length)
  const rest = sorted.length - shown.length
  return element(
    'section',
    {},
    element('h3', {}, inspectorLink(inspector, room, undefined, titleOf(room))),
    ...(ofPage.length > 0 ? [list(shown.slice(0, ofPage.length))] : []),
    ...(ofPage.length > 0 && others.length > 0 ? [note('Between other peers:')] : []),
    ...(others.length > 0 ? [list(others)] : []),
    ...(sorted.length === 0 ? [note(room.peers < 2 ? ALONE : SILENT)] : []),
    ...(rest > 0 ? [note(`The inspector shows ${rest} more pairs.`)] : []),
  )
}

/** Returns the title of a room. It names the protocol, because two protocols may have a room `bar`. */
function titleOf({ dialect, room }: Room): string {
  return dialect === OUR_DIALECT ? `Room ${room}` : `Room ${room} (protocol “${dialect}”)`
}

/** Lists the refused joins and offers. Returns an empty list if there are none. */
export function rejectionSection(rejections: readonly Rejection[]): HTMLElement[] {
  if (rejections.length === 0) return []
  const items = rejections
    .slice(-MOST_REJECTIONS)
    .map(({ sentence, nextStep }) =>
      element('li', { 'data-state': 'failed' }, element('p', {}, sentence), ...advice(nextStep)),
    )
  return [element('section', {}, element('h3', {}, 'Refused'), element('ul', {}, ...items))]
}

function advice(nextStep: string | null | undefined): HTMLElement[] {
  return nextStep ? [note(`→ ${nextStep}`)] : []
}

export function note(sentence: string): HTMLElement {
  return element('p', { class: 'note' }, sentence)
}

export function inspectorLink(
  inspector: string,
  room: Room | undefined,
  peers: readonly string[] | undefined,
  text: string,
): HTMLAnchorElement {
  const query = new URLSearchParams({
    ...(room && { room: room.room, dialect: room.dialect }),
    // Each id is escaped, because it may contain a comma.
    ...(peers && { pair: peers.map(encodeURIComponent).join() }),
  })
  return element('a', { href: `${inspector}${room ? `?${query}` : ''}`, target: TAB }, text)
}

function pairItem(room: Room, verdict: Verdict, inspector: string): HTMLElement {
  const { state, peers, sentence, nextStep } = verdict
  const sign = element('span', { class: 'sign', 'aria-hidden': 'true' }, signOf(state))
  const word = element('span', { class: 'word' }, state)
  // The verdict's sentence begins with the names of the two peers, so the link needs no other text.
  const link = inspectorLink(inspector, room, peers, sentence)
  return element(
    'li',
    { 'data-state': state },
    ...[sign, ' ', word],
    element('p', {}, link),
    ...advice(nextStep),
  )
}
