/**
 * Who this tab is, over a reload of the page.
 *
 * 1. A reloaded page is the same peer: its id outlives it in sessionStorage.
 * 2. A duplicated tab is a new peer, though the browser copies sessionStorage into it: so an id is
 *    in there only while no page of this tab uses it. It is taken out when a room is joined and put
 *    back on `pagehide`.
 * 3. A page that comes back from the back/forward cache goes on as who it was, so it takes its ids
 *    out again.
 */

const KEY_PREFIX = 'signaling-sidecar:peer-id:'
const ID_BYTES = 12 // 96 bits: no two of a room ever meet, and short enough to read in a log

/** Not `crypto.randomUUID`: a page on `http://192.168.…` is no secure context and has none. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export type IdStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

/** The peer ids that this page uses now, one per room: rooms cannot tell that it is the same tab. */
export class TabIdentity {
  readonly #storage: IdStorage | undefined
  readonly #held = new Map<string, string>()

  /** Without `storage` (blocked by the user, or not a page) an id lasts as long as this object. */
  constructor(storage: IdStorage | undefined, page: EventTarget | undefined) {
    this.#storage = storage
    page?.addEventListener('pagehide', () => {
      for (const [room, peerId] of this.#held) storage?.setItem(KEY_PREFIX + room, peerId)
    })
    page?.addEventListener('pageshow', (event) => {
      if (!('persisted' in event && event.persisted)) return
      for (const room of this.#held.keys()) storage?.removeItem(KEY_PREFIX + room)
    })
  }

  /** The id that this tab had in the room, or a new one. */
  take(room: string): string {
    const peerId = this.#storage?.getItem(KEY_PREFIX + room) ?? randomId()
    this.#storage?.removeItem(KEY_PREFIX + room)
    this.#held.set(room, peerId)
    return peerId
  }

  /** The room was left; its id is there for the next one in this tab that joins it. */
  putBack(room: string): void {
    const peerId = this.#held.get(room)
    if (peerId === undefined) return
    this.#held.delete(room)
    this.#storage?.setItem(KEY_PREFIX + room, peerId)
  }
}

/** This tab's storage, unless the user blocks it: then even reading the property throws. */
export function tabStorage(): IdStorage | undefined {
  try {
    return globalThis.sessionStorage
  } catch (error) {
    if (error instanceof DOMException && error.name === 'SecurityError') return undefined
    throw error
  }
}
