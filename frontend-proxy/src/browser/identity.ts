/**
 * Who this tab is, over a reload of the page.
 *
 * 1. A reloaded page is the same peer: its id, and its session's token, outlive it in
 *    sessionStorage.
 * 2. A duplicated tab is a new peer, though the browser copies sessionStorage into it: so an id is
 *    in there only while no page of this tab uses it. It is taken out when a room is joined and put
 *    back on `pagehide`.
 * 3. A page that comes back from the back/forward cache goes on as who it was, so it takes its ids
 *    out again.
 */

import { object, text } from './frames.ts'
import type { PageStorage } from './page-storage.ts'

const KEY_PREFIX = 'signaling-sidecar:peer:'
const ID_BYTES = 12 // 96 bits: no two of a room ever meet, and short enough to read in a log

/** Not `crypto.randomUUID`: a page on `http://192.168.…` is no secure context and has none. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Who a tab is in one room, and how it proves it. */
export interface Identity {
  readonly peerId: string
  /** Of its session, if that can be resumed. */
  readonly token?: string
}

/** The identities that this page uses now, one per room: rooms cannot tell that it is the same tab. */
export class TabIdentity {
  readonly #storage: PageStorage | undefined
  readonly #held = new Map<string, Identity>()

  /** Without `storage` (blocked by the user, or not a page) an id lasts as long as this object. */
  constructor(storage: PageStorage | undefined, page: EventTarget | undefined) {
    this.#storage = storage
    page?.addEventListener('pagehide', () => {
      for (const [room, identity] of this.#held) this.#write(room, identity)
    })
    page?.addEventListener('pageshow', (event) => {
      if (!('persisted' in event && event.persisted)) return
      for (const room of this.#held.keys()) storage?.removeItem(KEY_PREFIX + room)
    })
  }

  /** Who this tab was in the room, or somebody new. */
  take(room: string): Identity {
    const identity = read(this.#storage?.getItem(KEY_PREFIX + room)) ?? { peerId: randomId() }
    this.#storage?.removeItem(KEY_PREFIX + room)
    this.#held.set(room, identity)
    return identity
  }

  /** The room knows this page as this from now on, if it was taken from here. */
  become(room: string, identity: Identity): void {
    if (this.#held.has(room)) this.#held.set(room, identity)
  }

  /** The room was left: the id, not the session, is there for the next one in this tab to join it. */
  putBack(room: string): void {
    const identity = this.#held.get(room)
    if (identity === undefined) return
    this.#held.delete(room)
    this.#write(room, { peerId: identity.peerId })
  }

  #write(room: string, identity: Identity): void {
    this.#storage?.setItem(KEY_PREFIX + room, JSON.stringify(identity))
  }
}

function read(stored: string | null | undefined): Identity | undefined {
  if (stored === null || stored === undefined) return undefined
  try {
    const fields = object(JSON.parse(stored))
    const [peerId, token] = [text(fields?.peerId), text(fields?.token)]
    return peerId === undefined ? undefined : { peerId, ...(token !== undefined && { token }) }
  } catch {
    return undefined // not ours: anything on this origin may write there
  }
}
