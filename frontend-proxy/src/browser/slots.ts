/**
 * Manages the slots of a page. A slot stores the identity (peer id and session token) of this tab
 * in one room, and one client of the page uses it at a time.
 *
 * 1. A page has one slot for each room of each sidecar. A page has more slots only if the app names
 *    them (option `slot`). A new client takes over the slot of the earlier client, with its peer id
 *    and session, and the earlier client is notified. So a client that was never closed (because a
 *    module was reloaded, or a component has no clean-up function) does not become a second peer.
 *    If the page adds a listener to the earlier client, and has never added one to the newer
 *    client, the earlier client gets the slot back. The reason is StrictMode, which calls
 *    `useState(() => new …)` twice and keeps the first result.
 * 2. A client that is closed leaves the room only after a short delay. If another client takes the
 *    slot and its peer id in the meantime, no `leave` is sent. This happens when a module is
 *    reloaded, and in StrictMode.
 * 3. A session has ended if a `leave` was sent on an open connection, or if the client was replaced
 *    or removed. In every other case the slot keeps the session token, because the tab could not
 *    use its own peer id without it.
 * 4. A page that is reloaded stays the same peer, because sessionStorage keeps the identity.
 * 5. A duplicated tab is a new peer, although the browser copies sessionStorage into it. Therefore
 *    the identity is removed from the storage when a client joins, and stored again on `pagehide`.
 * 6. A page that returns from the back/forward cache removes the identity from the storage again.
 *    If another page of this tab has used the slot in the meantime, the returning page continues
 *    with the identity that this other page has stored.
 * 7. The frames (`<iframe>`) of a tab share its sessionStorage. So the keys of a frame in that
 *    storage contain the place of the frame (see `framePlace`).
 */

import type { OpenSocket } from './connection.ts'
import { type Frame, framePlace } from './frame-place.ts'
import { type Identity, parseIdentity, randomId } from './identity.ts'
import { type PageStorage, pageStorage } from './page-storage.ts'

const KEY_PREFIX = 'signaling-sidecar:slot:'
/** The delay of rule 2. After `dispose`, Vite loads the changed module in less time than this. */
const LEAVES_AFTER_MS = 250

/** A client that uses a slot. */
export interface SlotUser {
  /** Whether the page has added a listener to this client. */
  isListenedTo(): boolean
  /**
   * Is called when a newer client of this page has taken the slot. `hasOtherId` is true if the
   * newer client has another peer id, so that this client has to leave the room.
   */
  replaced(hasOtherId: boolean): void
  /**
   * Is called when the page returns from the back/forward cache and finds another identity stored.
   */
  restored(identity: Identity): void
}

/**
 * Identifies a peer of this page: a client of this page has joined `room` with this id, or is about
 * to join.
 */
export interface PeerOfPage {
  readonly room: string
  readonly peerId: string
}

/**
 * The use of a slot by one client, from `Slots.take` until the client leaves or another client takes
 * the slot (see rule 1). The methods change nothing after another client has taken the slot.
 */
export class Slot {
  readonly #isPage: boolean
  readonly #previous: Slot | undefined
  #user: SlotUser | undefined
  #identity: Identity
  #socket: OpenSocket | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #isReplaced = false

  /** Call `Slots.take` instead of this constructor. */
  constructor(user: SlotUser, identity: Identity, previous: Slot | undefined, isPage: boolean) {
    this.#user = user
    this.#identity = identity
    this.#previous = previous
    this.#isPage = isPage
  }

  /** The identity of this tab in the room. */
  get identity(): Identity {
    return this.#identity
  }

  set identity(identity: Identity) {
    this.#identity = identity
  }

  /**
   * Notifies the previous client, which then emits events. The new client must be ready by then.
   */
  notifyPrevious(): void {
    this.#previous?.replace(this.#previous.#identity.peerId !== this.#identity.peerId)
  }

  /** Whether the page listens to the client that uses the slot. True if no client uses the slot. */
  get isListenedTo(): boolean {
    return this.#user?.isListenedTo() ?? true
  }

  /** Whether a newer client has taken the slot. */
  get isReplaced(): boolean {
    return this.#isReplaced
  }

  /** Whether a client uses the slot now. */
  get isUsed(): boolean {
    return this.#user !== undefined
  }

  /** Ends this client's use of the slot. `hasLeft` is true if the session has ended, too. */
  release(hasLeft: boolean): void {
    this.#user = undefined
    const { peerId } = this.#identity
    this.#identity = { ...(hasLeft ? { peerId } : this.#identity), usedAt: Date.now() }
  }

  /** Ends this client's use of the slot, and sends `leave` on this socket after a short delay. */
  releaseSoon(socket: OpenSocket): void {
    this.release(false)
    this.#socket = socket
    if (this.#isPage) this.#timer = setTimeout(() => this.leave(), LEAVES_AFTER_MS)
    else this.leave()
  }

  /** Leaves the room without further delay, if `releaseSoon` was called. */
  leave(): void {
    clearTimeout(this.#timer)
    if (this.#socket === undefined) return
    this.#socket.send({ type: 'leave' })
    this.#socket.close()
    this.#socket = undefined
    this.release(true)
  }

  /** Continues with the identity that another page of this tab has stored. */
  restore(identity: Identity): void {
    const { peerId, token } = this.#identity
    if (identity.peerId === peerId && identity.token === token) return
    this.#identity = identity
    this.#user?.restored(identity)
  }

  /** Ends this client's use of the slot, because a newer client has taken the slot. */
  replace(hasOtherId: boolean): void {
    this.#isReplaced = true
    if (hasOtherId) this.leave()
    clearTimeout(this.#timer)
    this.#socket?.close()
    this.#user?.replaced(hasOtherId)
  }
}

export class Slots {
  readonly #storage: PageStorage | undefined
  readonly #isPage: boolean
  readonly #prefix: string
  readonly #slots = new Map<string, Slot>()

  /**
   * Without `storage`, no identity survives a reload. Without `page`, a closed client leaves its
   * room without a delay.
   */
  constructor(storage: PageStorage | undefined, page: (EventTarget & Frame) | undefined) {
    this.#storage = storage
    this.#isPage = page !== undefined
    // The frame's place is read only once: while a page is unloaded, its frames are removed one by
    // one, so the places change.
    this.#prefix = KEY_PREFIX + (page ? framePlace(page) : '')
    page?.addEventListener('pagehide', () => this.#storeAll())
    page?.addEventListener('pageshow', (event) => {
      if ('persisted' in event && event.persisted) this.#removeStored()
    })
  }

  /**
   * Gives the slot with this key to a client. If the client requires a `peerId`, the slot gets that
   * id. Otherwise the slot keeps its identity, or gets a random id if it has none.
   */
  take(key: string, user: SlotUser, peerId?: string): Slot {
    const previous = this.#slots.get(key)
    const known = previous?.identity ?? this.#takeStored(key)
    const isOther = peerId !== undefined && peerId !== known?.peerId
    const identity = isOther ? { peerId } : (known ?? { peerId: randomId() })
    const slot = new Slot(user, identity, previous, this.#isPage)
    this.#slots.set(key, slot)
    return slot
  }

  /** Whether the page listens to the client that uses this slot now. */
  isListenedTo(key: string): boolean {
    return this.#slots.get(key)?.isListenedTo ?? true
  }

  /** The peers of this page. The overlay of the dev server shows their connections first. */
  get peers(): PeerOfPage[] {
    return [...this.#slots]
      .filter(([, slot]) => slot.isUsed)
      .map(([key, { identity }]) => ({ room: roomOf(key), peerId: identity.peerId }))
  }

  #takeStored(key: string): Identity | undefined {
    const stored = this.#storage?.getItem(this.#prefix + key)
    this.#storage?.removeItem(this.#prefix + key)
    return parseIdentity(stored)
  }

  #storeAll(): void {
    for (const [key, slot] of this.#slots) {
      slot.leave()
      const identity = { ...slot.identity, usedAt: slot.identity.usedAt ?? Date.now() }
      this.#storage?.setItem(this.#prefix + key, JSON.stringify(identity))
    }
  }

  #removeStored(): void {
    for (const [key, slot] of this.#slots) {
      const stored = this.#takeStored(key)
      if (stored !== undefined) slot.restore(stored)
    }
  }
}

// A page can load several copies of this module (after an edit, or in two bundles). All copies use
// the same `Slots`, at this key of `globalThis`.
const SHARED = Symbol.for('vite-plugin-signaling-sidecar/slots/1')

/** Returns the peers of this page, even if another copy of this module has created its slots. */
export function peersOfPage(): PeerOfPage[] {
  const page = globalThis as { [SHARED]?: Partial<Slots> }
  return page[SHARED]?.peers ?? []
}

/** Returns the slots of this page. Outside of a page (in Node.js), no two clients share a slot. */
export function slotsOfPage(): Slots {
  if (globalThis.document === undefined) return new Slots(undefined, undefined)
  const page = globalThis as { [SHARED]?: Slots }
  page[SHARED] ??= new Slots(pageStorage('sessionStorage'), globalThis.window)
  return page[SHARED]
}

/** Returns the key of a slot. `url` returns the sidecar's URL, and `name` is the option `slot`. */
export function slotKey(
  url: () => string | undefined,
  room: string,
  name: string | undefined,
): string {
  return JSON.stringify([globalThis.document && url(), room, name])
}

function roomOf(key: string): string {
  const [, room] = JSON.parse(key)
  return room
}
