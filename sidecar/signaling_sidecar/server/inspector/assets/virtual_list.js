/**
 * A list of which only the visible rows are elements, and only rows near them are kept in memory.
 *
 * 1. All rows have the same height, so that the scroll bar is right without the rows.
 * 2. While it follows, the newest rows are shown. Scrolling up pauses it, and scrolling to the end lets it follow again.
 * 3. For the keyboard and the screen reader it is a list box, whose focus stays on the list itself.
 */

import { make } from './elements.js'

const AROUND = 20 // rows that are drawn above and below the visible ones
const MOST_ASKED = 200 // rows in one request
const MOST_KEPT = 1000
const MAY_CHANGE = 50 // the last rows, to which equal records may still be added

export class VirtualList {
  /**
   * `fetchRows(query)` resolves to `{ rows, total }`, where `query` has `from` or `seq`, and `count`. `drawRow(row)`
   * returns the content of a row. `open(row)` is called for a click or Enter. `tell()` is called when it follows, is
   * paused, or has another number of rows.
   */
  constructor(scroller, { label, rowPx, fetchRows, drawRow, open, tell }) {
    Object.assign(this, { scroller, rowPx, fetchRows, drawRow, open, tell })
    this.head = make('div', { className: 'list-head', aria: { hidden: true } })
    this.body = make('div', { className: 'list-body', role: 'presentation' })
    Object.assign(scroller, { tabIndex: 0, role: 'listbox', ariaLabel: label })
    scroller.replaceChildren(this.head, this.body)
    scroller.onscroll = () => this.scrolled()
    scroller.onkeydown = (event) => this.pressed(event)
    this.body.onclick = ({ target }) =>
      this.opened(Number(target.closest('[role=option]')?.dataset.row ?? -1))
    this.resizes = new ResizeObserver(() => this.show())
    this.resizes.observe(scroller)
    this.clear()
  }

  /** Forgets all rows, because others are wanted now. */
  clear() {
    this.asking?.abort()
    this.asking = null
    this.isNewsWaiting = false
    this.rows = new Map()
    this.elements = new Map()
    this.total = null // not known yet
    this.following = true
    this.active = -1
    this.openSeq = null
    this.body.replaceChildren()
    this.body.style.height = '0'
  }

  end() {
    this.clear()
    this.resizes.disconnect()
    this.scroller.onscroll = this.scroller.onkeydown = null
  }

  /** Fetches what is new. */
  async refresh() {
    if (this.asking) {
      this.isNewsWaiting = true
      return
    }
    const keptUntil = Math.max((this.total ?? 0) - MAY_CHANGE, 0)
    for (const at of this.rows.keys()) if (at >= keptUntil) this.stale(at)
    if (this.following)
      await this.ask({ from: Math.max((this.total ?? 0) - this.perPage() - AROUND, 0) })
    else await this.ask({ from: Math.max(this.firstVisible() - AROUND, 0) })
    if (this.following && this.total !== null && !this.rows.has(this.total - 1) && this.total > 0)
      await this.ask({ from: Math.max(this.total - this.perPage() - AROUND, 0) })
  }

  stale(at) {
    const row = this.rows.get(at)
    if (row) row.isStale = true
  }

  /** Scrolls to the row that shows the record, and marks it as open. */
  async reveal(seq) {
    this.openSeq = seq
    const known = [...this.rows.values()].find((row) => row.seq === seq)
    const row = known ?? (await this.ask({ seq }))
    if (!row) return
    this.pause()
    this.active = row.row
    const top = row.row * this.rowPx
    const { scrollTop } = this.scroller
    if (top < scrollTop || top > scrollTop + this.pageHeight() - this.rowPx)
      this.scroller.scrollTop = Math.max(top - this.pageHeight() / 2, 0)
    this.show()
  }

  /** Returns the row nearest to `query.seq`, if that was asked for. */
  async ask(query) {
    this.asking?.abort()
    const asking = (this.asking = new AbortController())
    try {
      const { rows, total } = await this.fetchRows({ count: MOST_ASKED, ...query }, asking.signal)
      if (asking.signal.aborted) return
      for (const row of rows) this.rows.set(row.row, row)
      this.setTotal(total)
      this.forgetFar(rows[0]?.row ?? 0)
      return query.seq && rows.findLast((row) => row.seq <= query.seq)
    } catch (error) {
      if (!asking.signal.aborted) this.tell(error)
    } finally {
      if (this.asking === asking) {
        this.asking = null
        this.show()
        if (this.isNewsWaiting) {
          this.isNewsWaiting = false
          queueMicrotask(() => this.refresh())
        }
      }
    }
  }

  setTotal(total) {
    if (total === this.total) return
    for (const at of this.rows.keys()) if (at >= total) this.rows.delete(at)
    this.total = total
    this.body.style.height = `${total * this.rowPx}px`
    this.tell()
  }

  forgetFar(near) {
    if (this.rows.size <= MOST_KEPT) return
    for (const at of this.rows.keys()) if (Math.abs(at - near) > MOST_KEPT / 2) this.rows.delete(at)
  }

  // --- what is visible ------------------------------------------------------------------------------------------

  pageHeight() {
    return Math.max(this.scroller.clientHeight - this.head.offsetHeight, this.rowPx)
  }

  perPage() {
    return Math.ceil(this.pageHeight() / this.rowPx)
  }

  firstVisible() {
    return Math.floor(this.scroller.scrollTop / this.rowPx)
  }

  isAtEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller
    return scrollTop + clientHeight >= scrollHeight - this.rowPx
  }

  scrolled() {
    const isAtEnd = this.isAtEnd()
    if (isAtEnd !== this.following && this.scroller.scrollTop !== this.ownScrollTop) {
      this.following = isAtEnd
      this.tell()
    }
    this.wanted ??= requestAnimationFrame(() => {
      this.wanted = undefined
      this.show()
    })
  }

  follow() {
    this.following = true
    this.tell()
    this.show()
    return this.refresh()
  }

  pause() {
    if (!this.following) return
    this.following = false
    this.tell()
  }

  /** Draws the visible rows, and fetches those that are missing. */
  show() {
    if (this.total === null || !this.scroller.isConnected || this.scroller.clientHeight === 0)
      return
    if (this.following) {
      this.scroller.scrollTop = this.scroller.scrollHeight
      this.ownScrollTop = this.scroller.scrollTop
    }
    const first = Math.max(this.firstVisible() - AROUND, 0)
    const after = Math.min(this.firstVisible() + this.perPage() + AROUND, this.total)
    for (const [at, element] of this.elements) {
      if (at < first || at >= after) {
        element.remove()
        this.elements.delete(at)
      }
    }
    let missing = null
    for (let at = first; at < after; at++) {
      const row = this.rows.get(at)
      if (!row) missing ??= at
      this.place(at, row)
    }
    if (this.elements.has(this.active))
      this.scroller.setAttribute('aria-activedescendant', this.idOf(this.active))
    else this.scroller.removeAttribute('aria-activedescendant')
    if (missing !== null && !this.asking) this.ask({ from: missing })
  }

  place(at, row) {
    let element = this.elements.get(at)
    if (element?.shown !== row || !element) {
      const made = this.element(at, row)
      element ? element.replaceWith(made) : this.body.append(made)
      this.elements.set(at, made)
      element = made
    }
    element.ariaSetSize = this.total
    element.ariaSelected = String(at === this.active)
    element.classList.toggle('active', at === this.active)
    element.classList.toggle('open', row !== undefined && row.seq === this.openSeq)
  }

  element(at, row) {
    const element = make('div', {
      id: this.idOf(at),
      role: 'option',
      className: 'list-row',
      ariaLabel: row ? row.text : 'loading',
      ariaPosInSet: at + 1,
      data: { row: at, kind: row?.kind ?? '' },
    })
    element.shown = row
    element.style.cssText = `top:${at * this.rowPx}px;height:${this.rowPx}px`
    if (row) this.drawRow(element, row)
    return element
  }

  idOf(at) {
    return `${this.scroller.id}-${at}`
  }

  // --- the keyboard ---------------------------------------------------------------------------------------------

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.total) return
    const at = this.active < 0 ? Math.min(this.firstVisible(), this.total - 1) : this.active
    const page = Math.max(this.perPage() - 1, 1)
    const to = {
      ArrowDown: this.active < 0 ? at : at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: this.total - 1,
    }[event.key]
    if (to !== undefined) this.activate(Math.max(0, Math.min(to, this.total - 1)))
    else if (event.key === 'Enter' || event.key === ' ') this.opened(at)
    else return
    event.preventDefault()
  }

  activate(at) {
    this.active = at
    if (at < this.total - 1) this.pause()
    const top = at * this.rowPx
    const { scrollTop } = this.scroller
    if (top < scrollTop) this.scroller.scrollTop = top
    else if (top + this.rowPx > scrollTop + this.pageHeight())
      this.scroller.scrollTop = top + this.rowPx - this.pageHeight()
    this.show()
  }

  opened(at) {
    const row = this.rows.get(at)
    if (!row) return
    this.activate(at)
    this.open(row)
  }
}
