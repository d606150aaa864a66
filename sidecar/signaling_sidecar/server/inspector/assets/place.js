/** Reads and changes the URL, which names the room, its view, the filters, and the open record. */

const VIEWS = ['mesh', 'ladder', 'timeline', 'records']

/** The dialect of this project's own client. */
export const OWN = 'rooms'

let onMove = () => {}

export function place() {
  const query = new URLSearchParams(location.search)
  const view = query.get('view')
  const room = query.get('room')
  return {
    room,
    dialect: query.get('dialect') ?? (room === null ? null : OWN),
    view: VIEWS.includes(view) ? view : 'mesh',
    isList: view === 'rooms',
    pair: pairIn(query.get('pair')),
    kinds: (query.get('kinds') ?? '').split(',').filter(Boolean),
    type: query.get('type') ?? '',
    text: query.get('text') ?? '',
    seq: query.has('seq') ? Number(query.get('seq')) || null : null,
  }
}

function pairIn(text) {
  const ids = (text ?? '').split(',').map(unescaped)
  return ids.length === 2 ? ids : null
}

function unescaped(id) {
  try {
    return decodeURIComponent(id)
  } catch {
    return id // it has a % that escapes nothing
  }
}

/** Each id is escaped, because it may contain a comma. */
export const pairText = (pair) => (pair ? pair.map(encodeURIComponent).join(',') : '')

/** The query of the API for these filters. Empty filters are left out. */
export function filters(wanted) {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(wanted)) if (value) query.set(name, value)
  return query
}

/** Returns the current URL with changes. If the room changes, the filters are removed. */
export function urlOf(changes) {
  const now = 'room' in changes ? { view: place().view } : place()
  const { room, dialect, view, pair, kinds, type, text, seq } = { ...now, ...changes }
  const more = { pair: pairText(pair), kinds: (kinds ?? []).join(','), type, text, seq }
  return `?${room == null ? 'view=rooms' : filters({ room, dialect, view, ...more })}`
}

export function go(changes, { replaces = false } = {}) {
  const url = urlOf(changes)
  if (url === location.search) return
  history[replaces ? 'replaceState' : 'pushState'](null, '', url)
  onMove()
}

/** Calls `moved` whenever the place has changed: by a link of this page, by the back button, or by `go`. */
export function watchPlace(moved) {
  onMove = moved
  addEventListener('popstate', moved)
  addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href^="?"]')
    if (!link || event.button !== 0 || event.shiftKey || event.altKey) return
    event.preventDefault()
    // A tab that the browser itself opened would have no copy of the `sessionStorage` that contains the token.
    if (event.metaKey || event.ctrlKey) return open(link.href)
    history.pushState(null, '', link.getAttribute('href'))
    moved()
  })
}
