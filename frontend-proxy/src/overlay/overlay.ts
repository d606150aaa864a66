/** Implements the overlay of a page: a badge, and a panel that the badge opens. */

import { type PeerOfPage, peersOfPage } from '../browser/slots.ts'
import { Badge } from './badge.ts'
import { element } from './element.ts'
import { hintSection, howToJoin } from './hints.ts'
import { addToPage } from './host.ts'
import type { RoomsUpdate, Unavailable, Update } from './messages.ts'
import { inspectorLink, note, rejectionSection, roomSection } from './pair-list.ts'
import { Panel } from './panel.ts'
import { nextCorner, type Placement, storedPlacement, storePlacement } from './placement.ts'
import { isElsewhere, peersOfPageIn, type Summary, summarise } from './summary.ts'
import { fetchWhy, type Why } from './verdicts.ts'

const PANEL_ID = 'panel'
/** The panel shows at most this many rooms, because it requests the verdicts on each. */
const MOST_ROOMS = 5
/** The minimum pause between two requests for verdicts while the panel is open. */
const REFRESHES_AFTER_MS = 500
/** The pause is at least this many times as long as the last request took, to limit the load. */
const REST = 2
const WAITING: Unavailable = { reason: 'The dev server has not answered yet.' }
const ALL_ROOMS =
  'All rooms are shown, because this page has not joined one with the browser client of this plugin.'

export class Overlay {
  readonly #host: HTMLElement
  readonly #badge = new Badge(PANEL_ID, () => this.#setOpen(!this.#panel.isOpen))
  readonly #panel = new Panel(PANEL_ID, {
    close: () => this.#close(),
    move: () => this.#change({ corner: nextCorner(this.#placement.corner) }),
    resize: () => this.#change({ isSmall: !this.#placement.isSmall }),
  })
  /** A live region: screen readers announce its text. */
  readonly #news = element('div', { class: 'news', role: 'status' })
  #placement: Placement = storedPlacement()
  #update: Update = WAITING
  #summary: Summary | undefined
  /** Whether an update has arrived that the list does not show yet. */
  #isStale = false
  #isRefreshing = false

  constructor() {
    const frame = element(
      'div',
      { class: 'frame' },
      this.#badge.button,
      this.#panel.root,
      this.#news,
    )
    frame.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.#close()
    })
    this.#host = addToPage(frame)
    this.#place()
    this.show(WAITING)
  }

  show(update: Update): void {
    this.#update = update
    const before = this.#summary
    this.#summary = 'reason' in update ? undefined : summarise(update, peersOfPage())
    const { worst, text = 'not available' } = this.#summary ?? {}
    this.#badge.show(worst, text)
    if (before && this.#summary && before.worst !== worst) this.#announce(this.#summary)
    if (this.#panel.isOpen) void this.#refresh()
  }

  #announce({ text, rooms }: Summary): void {
    this.#news.textContent = [`Signaling: ${text}.`, rooms[0]?.sentence].join(' ')
  }

  #close(): void {
    if (!this.#panel.isOpen) return
    this.#setOpen(false)
    this.#badge.button.focus()
  }

  #setOpen(isOpen: boolean): void {
    this.#panel.isOpen = isOpen
    this.#badge.setExpanded(isOpen)
    if (isOpen) void this.#refresh()
  }

  #change(placement: Partial<Placement>): void {
    this.#placement = { ...this.#placement, ...placement }
    storePlacement(this.#placement)
    this.#place()
  }

  #place(): void {
    this.#host.dataset.corner = this.#placement.corner
    this.#badge.setSmall(this.#placement.isSmall)
    this.#panel.setSmall(this.#placement.isSmall)
  }

  /**
   * Shows the last update in the list. Repeats this as long as there is a newer update that the list does not show.
   */
  async #refresh(): Promise<void> {
    this.#isStale = true
    if (this.#isRefreshing) return
    this.#isRefreshing = true
    while (this.#isStale && this.#panel.isOpen) {
      this.#isStale = false
      const began = performance.now()
      this.#panel.show(...(await this.#content()))
      const pause = Math.max(REFRESHES_AFTER_MS, (performance.now() - began) * REST)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
    this.#isRefreshing = false
  }

  async #content(): Promise<HTMLElement[]> {
    if ('reason' in this.#update || this.#summary === undefined) {
      return [note('reason' in this.#update ? this.#update.reason : WAITING.reason)]
    }
    return contentOf(this.#summary, this.#update, peersOfPage())
  }
}

async function contentOf(
  { rooms, isAboutAll }: Summary,
  { inspector, hints }: RoomsUpdate,
  ofPage: readonly PeerOfPage[],
): Promise<HTMLElement[]> {
  const shown = rooms.slice(0, MOST_ROOMS)
  const api = `${inspector}api/`
  let answers: Why[]
  try {
    // If this page is in no room, its join may have been refused. The room of that join may be
    // empty, so one request asks about all rooms.
    answers = await Promise.all(
      isAboutAll ? [fetchWhy(api)] : shown.map((room) => fetchWhy(api, room)),
    )
  } catch (error) {
    return [note(error instanceof Error ? error.message : String(error))]
  }
  const verdicts = answers.flatMap((answer) => answer.verdicts)
  const sections = shown.map((room) => {
    const own = verdicts.filter((each) => each.room === room.room && each.dialect === room.dialect)
    return roomSection({ room, own: peersOfPageIn(room, ofPage), verdicts: own }, inspector)
  })
  const rest = rooms.length - MOST_ROOMS
  const more = rest > 0 ? `All ${rooms.length} rooms in the inspector` : 'Open the inspector'
  const about = rooms.length === 0 ? [howToJoin(inspector)] : isAboutAll ? [note(ALL_ROOMS)] : []
  // What is known of pages that use another signaling server is more important for them than how to join a room.
  const isFirst = rooms.length === 0 && isElsewhere(hints)
  const known = hintSection(hints)
  return [
    ...(isFirst ? [...known, ...about] : about),
    ...sections,
    ...rejectionSection(answers.flatMap(({ rejections }) => rejections)),
    ...(isFirst ? [] : known),
    element('p', {}, inspectorLink(inspector, undefined, undefined, more)),
  ]
}
