/**
 * Which client of this page has this tab's place in a room, and who this tab is there.
 *
 * 1. A page has one place in each room of each endpoint, and more only where an option names them.
 *    The client that asked last has it, with the id and the session of the one before, which is told
 *    that it was replaced. So a client that was forgotten (by a saved module, by a component whose
 *    clean-up does too little) is no second peer.
 *    Only a client that the page has never listened to gives the place back, when the page begins to
 *    listen to the earlier one: StrictMode calls `useState(() => new …)` twice and keeps the first.
 * 2. A client that closes leaves the room a moment later. When another one of the page asks for its
 *    place meanwhile, as after a saved module or in React's StrictMode, nobody sees a leave.
 * 3. A session is given up only by a `leave` that was sent on an open connection. In every other
 *    case its token is kept: else this tab would be locked out of its own place.
 * 4. A reloaded page is the same peer: who it is outlives it in sessionStorage.
 * 5. A duplicated tab is a new peer, though the browser copies sessionStorage into it: so what is in
 *    there is taken out when a room is joined, and put back on `pagehide`.
 * 6. A page that comes back from the back/forward cache goes on as who it was, or, when another page
 *    of this tab had the place meanwhile, as who that one was. It takes everything out again.
 */

import type { OpenSocket } from './connection.ts'
import { type Identity, parseIdentity, randomId } from './identity.ts'
import { type PageStorage, pageStorage } from './page-storage.ts'

const KEY_PREFIX = 'signaling-sidecar:slot:'
/** Vite fetches a saved module again between its `dispose` and its next run. */
const LEAVES_AFTER_MS = 250

/** A client that has a place. */
export interface Holder {
  /** Whether the page listens to this client. */
  isListenedTo(): boolean
  /** A newer client of this page has the place; `isOther`: under another id, so this one leaves. */
  replaced(isOther: boolean): void
  /** Another page of this tab had the place while this one was in the back/forward cache. */
  restored(identity: Identity): void
}

/** One client's hold of a place. When another client has it, nothing that is said here counts. */
export class Slot {
  readonly #isPage: boolean
  readonly #before: Slot | undefined
  #holder: Holder | undefined
  #identity: Identity
  #socket: OpenSocket | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Made by `Slots.take`. */
  constructor(holder: Holder, identity: Identity, before: Slot | undefined, isPage: boolean) {
    this.#holder = holder
    this.#identity = identity
    this.#before = before
    this.#isPage = isPage
  }

  /** Who this tab is in the room. */
  get identity(): Identity {
    return this.#identity
  }

  /** The room knows this page as this from now on. */
  become(identity: Identity): void {
    this.#identity = identity
  }

  /** Tells the client that had the place before; to be called when this one is ready to be told. */
  tellEarlier(): void {
    this.#before?.passOn(this.#before.#identity.peerId !== this.#identity.peerId)
  }

  /** Whether the page listens to the client that has it, or that client was closed. */
  get isListenedTo(): boolean {
    return this.#holder?.isListenedTo() ?? true
  }

  /** The client is there no more; with `hasLeft` its session is over. */
  giveUp(hasLeft: boolean): void {
    this.#holder = undefined
    const { peerId } = this.#identity
    this.#identity = { ...(hasLeft ? { peerId } : this.#identity), usedAt: Date.now() }
  }

  /** The client is there no more, and leaves the room in a moment, on this socket. */
  giveUpSoon(socket: OpenSocket): void {
    this.giveUp(false)
    this.#socket = socket
    if (this.#isPage) this.#timer = setTimeout(() => this.leave(), LEAVES_AFTER_MS)
    else this.leave()
  }

  /** Leaves the room now, if that was only to come. */
  leave(): void {
    clearTimeout(this.#timer)
    if (this.#socket === undefined) return
    this.#socket.send({ type: 'leave' })
    this.#socket.close()
    this.#socket = undefined
    this.giveUp(true)
  }

  /** Another page of this tab had the place, and it was this there. */
  restore(identity: Identity): void {
    const { peerId, token } = this.#identity
    if (identity.peerId === peerId && identity.token === token) return
    this.#identity = identity
    this.#holder?.restored(identity)
  }

  passOn(isOther: boolean): void {
    if (isOther) this.leave()
    clearTimeout(this.#timer)
    this.#socket?.close()
    this.#holder?.replaced(isOther)
  }
}

export class Slots {
  readonly #storage: PageStorage | undefined
  readonly #isPage: boolean
  readonly #slots = new Map<string, Slot>()

  /** Without a page a close is a leave at once; without a storage, nothing outlives the page. */
  constructor(storage: PageStorage | undefined, page: EventTarget | undefined) {
    this.#storage = storage
    this.#isPage = page !== undefined
    page?.addEventListener('pagehide', () => this.#putBack())
    page?.addEventListener('pageshow', (event) => {
      if ('persisted' in event && event.persisted) this.#takeOut()
    })
  }

  /** `peerId`: the only one that the client wants to be; else it is who this tab was, or a new one. */
  take(key: string, holder: Holder, peerId?: string): Slot {
    const before = this.#slots.get(key)
    const known = before?.identity ?? this.#takeStored(key)
    const isOther = peerId !== undefined && peerId !== known?.peerId
    const identity = isOther ? { peerId } : (known ?? { peerId: randomId() })
    const slot = new Slot(holder, identity, before, this.#isPage)
    this.#slots.set(key, slot)
    return slot
  }

  /** Whether the page has a use for the client that has this place now. */
  isListenedTo(key: string): boolean {
    return this.#slots.get(key)?.isListenedTo ?? true
  }

  #takeStored(key: string): Identity | undefined {
    const stored = this.#storage?.getItem(KEY_PREFIX + key)
    this.#storage?.removeItem(KEY_PREFIX + key)
    return parseIdentity(stored)
  }

  #putBack(): void {
    for (const [key, slot] of this.#slots) {
      slot.leave()
      const identity = { ...slot.identity, usedAt: slot.identity.usedAt ?? Date.now() }
      this.#storage?.setItem(KEY_PREFIX + key, JSON.stringify(identity))
    }
  }

  #takeOut(): void {
    for (const [key, slot] of this.#slots) {
      const stored = this.#takeStored(key)
      if (stored !== undefined) slot.restore(stored)
    }
  }
}

// All copies of this module on the page share one: there are several after an edit, or in two bundles.
const SHARED = Symbol.for('vite-plugin-signaling-sidecar/slots/1')

/** This page's places; elsewhere, as in Node.js, each client is on its own. */
export function slotsOfPage(): Slots {
  if (globalThis.document === undefined) return new Slots(undefined, undefined)
  const page = globalThis as { [SHARED]?: Slots }
  page[SHARED] ??= new Slots(pageStorage('sessionStorage'), globalThis.window)
  return page[SHARED]
}

/** Names one of a page's places; `endpoint` says where the sidecar is. */
export function slotKey(
  endpoint: () => string | undefined,
  room: string,
  slot: string | undefined,
): string {
  return JSON.stringify([globalThis.document && endpoint(), room, slot])
}
