/** Creates the text of the badge: how many peers there are, and the worst state of any pair. */

import type { PeerOfPage } from '../browser/slots.ts'
import type { Hint, Room, RoomsUpdate, State } from './messages.ts'
import { byBadness } from './states.ts'

/** The name of the dialect that the browser client speaks. */
export const OUR_DIALECT = 'rooms'

export interface Summary {
  /**
   * The rooms that this page is in, or all rooms if it is not known which rooms this page is in.
   * The room with the worst state is first.
   */
  readonly rooms: readonly Room[]
  readonly isAboutAll: boolean
  readonly worst: State | undefined
  readonly text: string
}

/**
 * Summarises the rooms that this page is in. These rooms are known only if the page uses our
 * browser client. If no such client of the page is in a room, summarises all rooms.
 */
export function summarise(update: RoomsUpdate, ofPage: readonly PeerOfPage[]): Summary {
  // The sidecar also lists rooms that have ended.
  const rooms = update.rooms.filter(({ peers }) => peers > 0)
  const own = rooms.filter((room) => peersOfPageIn(room, ofPage).length > 0)
  const isAboutAll = own.length === 0
  const shown = (isAboutAll ? rooms : own).toSorted((one, other) =>
    byBadness(one.worst, other.worst),
  )
  const worst = shown[0]?.worst ?? undefined
  const whose = isAboutAll ? 'all rooms: ' : ''
  const text = shown[0] ? whose + textOf(shown, worst) : textOfNobody(update)
  return { rooms: shown, isAboutAll, worst, text }
}

/** Returns the peer ids of the clients of this page that are in the room. */
export function peersOfPageIn(
  { dialect, room }: Pick<Room, 'dialect' | 'room'>,
  ofPage: readonly PeerOfPage[],
): string[] {
  if (dialect !== OUR_DIALECT) return []
  return ofPage.filter((peer) => peer.room === room).map(({ peerId }) => peerId)
}

/**
 * Returns the text if there are no peers. If the option `trace` is on, the reports of pages may show
 * that these pages use another signaling server.
 */
function textOfNobody({ hints }: RoomsUpdate): string {
  return isElsewhere(hints) ? 'signaled elsewhere' : 'no peers'
}

/** Whether the hints tell about pages that use another signaling server. */
export function isElsewhere(hints: readonly Hint[]): boolean {
  return hints.some(({ code }) => code === 'signaled-elsewhere')
}

function textOf(rooms: readonly Room[], worst: State | undefined): string {
  const count = rooms.reduce((sum, { peers }) => sum + peers, 0)
  const peers = count === 1 ? '1 peer' : `${count} peers`
  return worst === undefined ? peers : `${peers}, ${worst}`
}
