/**
 * A list that has elements only for the visible rows, and keeps only rows near them in memory. All rows have the same
 * height. While the list is following, it shows the newest rows. Scrolling up pauses it, scrolling to the end resumes it.
 *
 * When the sidecar forgets the oldest rows, it numbers the others anew. In this list, rows keep their numbers, so that
 * the visible rows do not move.
 */

import { make } from './elements.js'

const AROUND = 20 // rows that are drawn above and below the visible ones
const MOST_ASKED = 200 // rows in one request
const MOST_KEPT = 1000
const MAY_CHANGE = 50 // the last rows, to which equal records may still be added

export class VirtualList {
  /**
   * `fetchRows(query, signal)` resolves to `{ rows, total, first }`, where `query` has `from` or `seq`, and `count`, and
   * `first` is the record of the first row that the sidecar has. `drawRow(element, row)` fills a row. `open(row)` is
   * called for a click or Enter, and `tell(error)` when the list pauses, resumes, gets rows, or gets an error.
   */
  constructor(scroller, { label, rowPx, ...functions }) {
    Object.assign(this, { scroller, rowPx, ...functions })
    this.head = make('div', { className: 'list-head', ariaHidden: 'true' })
    this.body = make('div', { className: 'list-body', role: 'presentation' })
    Object.assign(scroller, { tabIndex: 0, role: 'listbox', ariaLabel: label })
    scroller.replaceChildren(this.head, this.body)
    scroller.onscroll = () => this.scrolled()
    scroller.onkeydown = (event) => this.pressed(event)
    this.body.onclick = ({ target }) => this.opened(Number(target.closest('[role=option]')?.dataset.row ?? -1))
    new ResizeObserver(() => this.show()).observe(scroller)
    this.clear()
  }

  /** The numbers of the records whose rows are marked. */
  marked = new Set()

  /** The number of the newest record when the rows were last requested, or null if that request has failed. */
  seenSeq = null

  /** Forgets all rows. */
  clear() {
    this.asking?.abort()
    Object.assign(this, { asking: null, isNewsWaiting: false, isStuck: false, following: true, total: null })
    Object.assign(this, { rows: new Map(), elements: new Map(), active: -1, openSeq: null })
    this.seenSeq = null
    Object.assign(this, { first: null, gone: 0, start: 0 }) // `gone` rows are forgotten; row `start` is the top one
    this.body.replaceChildren()
    this.body.style.height = '0'
  }

  /** Fetches new rows. */
  async refresh() {
    this.isNewsWaiting = this.asking !== null
    if (this.isNewsWaiting) return
    this.isStuck = false
    const last = (this.total ?? 0) - MAY_CHANGE
    for (const at of this.rows.keys()) if (at >= last && !this.elements.has(at)) this.rows.delete(at)
    await this.ask({ from: this.following ? this.lastPage() : this.firstVisible() - AROUND })
    // One answer may not contain all new rows.
    if (this.following && this.total > 0 && !this.rows.has(this.total - 1)) await this.ask({ from: this.lastPage() })
  }

  /** Scrolls to the row that shows the record, and marks it as open. */
  async reveal(seq) {
    this.openSeq = seq
    const row = [...this.rows.values()].find((known) => known.seq === seq) ?? (await this.ask({ seq }))
    if (!row || this.openSeq !== seq) return
    this.openSeq = row.seq
    this.activate(row.row, this.pageHeight() / 2)
  }

  /** Fetches rows. Returns the row that shows the record `query.seq`, if given. */
  async ask(query) {
    this.asking?.abort()
    const asking = new AbortController()
    this.asking = asking
    try {
      const from = Math.max(query.from - this.gone, 0)
      const { rows, total, first } = await this.fetchRows({ count: MOST_ASKED, ...query, from }, asking.signal)
      if (asking.signal.aborted) return
      // To find out how many rows were forgotten, fetch a row again whose number is known.
      if (first !== this.first && this.rows.size && !query.seq) return this.ask({ seq: this.anchor().seq })
      this.align(rows, first)
      this.take(rows, total + this.gone)
      return query.seq && (rows.findLast((row) => row.seq <= query.seq) ?? rows[0])
    } catch (error) {
      if (asking.signal.aborted) return
      this.isStuck = true
      this.seenSeq = null
      this.tell(error)
    } finally {
      if (this.asking === asking) {
        this.asking = null
        this.show()
        if (this.isNewsWaiting) queueMicrotask(() => this.refresh())
      }
    }
  }

  /** A row that the sidecar has probably not forgotten. */
  anchor() {
    const top = !this.following && this.rows.get(Math.max(this.firstVisible(), this.gone))
    return top || this.rows.get(Math.max(...this.rows.keys()))
  }

  /** Gives the rows their numbers in this list. */
  align(rows, first) {
    if (first !== this.first) {
      const known = new Map([...this.rows].map(([at, { seq }]) => [seq, at]))
      const same = rows.find(({ seq }) => known.has(seq))
      this.gone = same ? known.get(same.seq) - same.row : Math.max(-1, ...known.values()) + 1
      this.first = first
      // The times in rows are relative to the first row.
      for (const at of this.rows.keys()) if (at >= this.gone && !this.elements.has(at)) this.rows.delete(at)
    }
    for (const row of rows) row.row += this.gone
  }

  take(rows, total) {
    this.isStuck = rows.length === 0
    for (const row of rows) {
      const known = this.rows.get(row.row)
      if (known?.seq !== row.seq || known.text !== row.text || known.html !== row.html) this.rows.set(row.row, row)
    }
    const near = rows[0]?.row ?? 0
    const isFar = (at) => this.rows.size > MOST_KEPT && Math.abs(at - near) > MOST_KEPT / 2
    for (const at of this.rows.keys()) if (at >= total || isFar(at)) this.rows.delete(at)
    this.total = total
    this.beginAt(Math.min(this.gone, this.firstVisible()))
    this.body.style.height = this.top(total)
    this.tell()
  }

  /** Removes the rows above `start`. The others do not move on the screen. */
  beginAt(start) {
    if (start === this.start) return
    const scrollTop = this.scroller.scrollTop - (start - this.start) * this.rowPx
    this.start = start
    for (const at of this.rows.keys()) if (at < start) this.rows.delete(at)
    for (const [at, element] of this.elements) element.style.top = this.top(at)
    this.body.style.height = this.top(this.total)
    this.scroller.scrollTop = scrollTop
  }

  top(at) {
    return `${(at - this.start) * this.rowPx}px`
  }

  // --- what is visible ------------------------------------------------------------------------------------------

  pageHeight() {
    return Math.max(this.scroller.clientHeight - this.head.offsetHeight, this.rowPx)
  }

  perPage() {
    return Math.ceil(this.pageHeight() / this.rowPx)
  }

  firstVisible() {
    return this.start + Math.floor(this.scroller.scrollTop / this.rowPx)
  }

  lastPage() {
    return (this.total ?? 0) - this.perPage() - AROUND
  }

  scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - this.rowPx
    if (isAtEnd !== this.following && scrollTop !== this.ownScrollTop) this.setFollowing(isAtEnd)
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined
      this.show()
    })
  }

  setFollowing(following) {
    this.following = following
    this.tell()
    this.show()
    if (following) this.refresh()
  }

  /** Draws the visible rows, and fetches those that are missing. */
  show() {
    if (this.total === null || this.scroller.clientHeight === 0) return
    if (this.following) {
      this.beginAt(this.gone)
      this.scroller.scrollTop = this.scroller.scrollHeight
      this.ownScrollTop = this.scroller.scrollTop
    }
    const first = Math.max(this.firstVisible() - AROUND, this.start)
    const end = Math.min(this.firstVisible() + this.perPage() + AROUND, this.total)
    for (const [at, element] of this.elements) {
      if (at >= first && at < end) continue
      element.remove()
      this.elements.delete(at)
    }
    let missing = null
    for (let at = first; at < end; at++) {
      if (!this.rows.has(at) && at >= this.gone) missing ??= at
      this.place(at, this.rows.get(at))
    }
    this.scroller.setAttribute('aria-activedescendant', this.elements.get(this.active)?.id ?? '')
    if (missing !== null && !this.asking && !this.isStuck) this.ask({ from: missing })
  }

  place(at, row) {
    const old = this.elements.get(at)
    const element = old && old.shown === row ? old : this.element(at, row)
    if (!old) this.body.append(element)
    else if (old !== element) old.replaceWith(element)
    this.elements.set(at, element)
    element.ariaSetSize = this.total - this.start
    element.ariaPosInSet = at - this.start + 1
    element.ariaSelected = String(at === this.active)
    element.classList.toggle('marked', row !== undefined && this.marked.has(row.seq))
    element.classList.toggle('open', row !== undefined && row.seq === this.openSeq)
  }

  element(at, row) {
    const id = `${this.scroller.id}-${at}`
    const data = { row: at, kind: row?.kind ?? '' }
    const element = make('div', { id, role: 'option', className: 'list-row', data })
    element.style.cssText = `top:${this.top(at)};height:${this.rowPx}px`
    element.shown = row
    if (row) this.drawRow(element, row)
    else element.append(at < this.gone ? 'not kept' : 'loading')
    return element
  }

  // --- the keyboard ---------------------------------------------------------------------------------------------

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.total) return
    const at = this.active < 0 ? this.firstVisible() : this.active
    const page = Math.max(this.perPage() - 1, 1)
    const steps = { ArrowDown: this.active < 0 ? 0 : 1, ArrowUp: -1, PageDown: page, PageUp: -page }
    const to = { Home: this.start, End: this.total - 1 }[event.key] ?? at + steps[event.key]
    if (to >= 0 || to < 0) this.activate(Math.max(this.start, Math.min(to, this.total - 1)))
    else if (event.key === 'Enter' || event.key === ' ') this.opened(at)
    else return
    event.preventDefault()
  }

  /** Makes the row the active one. If it has to be scrolled to, `above` pixels are left above it. */
  activate(at, above = 0) {
    this.active = at
    if (this.following && at < this.total - 1) this.setFollowing(false)
    const top = (at - this.start) * this.rowPx
    const bottom = top + this.rowPx - this.pageHeight()
    const { scrollTop } = this.scroller
    if (top < scrollTop) this.scroller.scrollTop = top - above
    else if (bottom > scrollTop) this.scroller.scrollTop = bottom + above
    this.show()
  }

  opened(at) {
    const row = this.rows.get(at)
    if (!row) return
    this.activate(at)
    this.open(row)
  }
}
