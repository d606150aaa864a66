import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { randomId } from '../../src/browser/identity.ts'
import { type Slot, Slots, type SlotUser } from '../../src/browser/slots.ts'
import { FakeStorage } from './fake-storage.ts'

const nobody: SlotUser = { isListenedTo: () => true, replaced() {}, restored() {} }

class Tab extends FakeStorage {
  constructor(copyOf?: Tab) {
    super(new Map(copyOf?.items))
  }

  /** Loads the next page in this tab: with the same storage, but without earlier listeners. */
  load(page: EventTarget = new EventTarget()): { slots: Slots; page: EventTarget } {
    return { slots: new Slots(this, page), page }
  }
}

/** Loads a page, gives it this identity in the room `bar`, and unloads it. */
function unloaded(tab: Tab, identity: { peerId: string; token?: string }, chosen?: string): void {
  const { slots, page } = tab.load()
  slots.take('bar', nobody, chosen).identity = identity
  page.dispatchEvent(new Event('pagehide'))
}

function taken(tab: Tab, peerId?: string): Slot['identity'] {
  return tab.load().slots.take('bar', nobody, peerId).identity
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a tab', () => {
  it('is the same peer after a reload', () => {
    const tab = new Tab()
    unloaded(tab, { peerId: 'ann', token: 'secret' })
    expect(taken(tab)).toMatchObject({ peerId: 'ann', token: 'secret' })
  })

  it('also keeps the session of an id that the app has chosen', () => {
    const tab = new Tab()
    unloaded(tab, { peerId: 'user-1', token: 'secret' }, 'user-1')
    expect(taken(tab, 'user-1')).toMatchObject({ peerId: 'user-1', token: 'secret' })
  })

  it('does not use the session of another id', () => {
    const tab = new Tab()
    unloaded(tab, { peerId: 'user-1', token: 'secret' }, 'user-1')
    expect(taken(tab, 'user-2')).toEqual({ peerId: 'user-2' })
  })

  it('has another id in each room', () => {
    const { slots } = new Tab().load()
    const ids = ['bar', 'pub'].map((room) => slots.take(room, nobody).identity.peerId)
    expect(ids[0]).not.toBe(ids[1])
  })

  it('repeats a join that was not answered before a reload', () => {
    const tab = new Tab()
    unloaded(tab, Object.assign({ peerId: 'ann' }, { instance: 'i' }))
    expect(taken(tab)).toMatchObject({ peerId: 'ann', instance: 'i' })
  })

  it.each([
    'no json',
    '[]',
    '{"token":"x"}',
    '{"peerId":7}',
    '{"peerId":""}',
    '{"peerId":"\\n"}',
    `{"peerId":"${'é'.repeat(65)}"}`, // 130 bytes
  ])('finds nobody in %j', (stored) => {
    const tab = new Tab()
    tab.items.set('signaling-sidecar:slot:bar', stored)
    expect(taken(tab).peerId).toMatch(/^[0-9a-f]{24}$/)
  })

  it('that is duplicated is a new peer, even if it was reloaded before', () => {
    const tab = new Tab()
    unloaded(tab, { peerId: 'ann' })
    expect(taken(tab).peerId).toBe('ann')
    expect(taken(new Tab(tab)).peerId).not.toBe('ann')
  })

  it('that is duplicated while it is in no room is a new peer too', () => {
    const tab = new Tab()
    tab.load().slots.take('bar', nobody).release(true)
    expect(tab.items.size).toBe(0)
  })

  it('works without a storage', () => {
    const slots = new Slots(undefined, new EventTarget())
    const { peerId } = slots.take('bar', nobody).identity
    expect(slots.take('bar', nobody).identity.peerId).toBe(peerId)
  })
})

describe('the frames of a tab', () => {
  /** Returns the windows of a page with two frames, the second of which contains another frame. */
  function frames(): EventTarget[] {
    const [top, one, two, inner] = Array.from({ length: 4 }, () => new EventTarget())
    Object.assign(top as object, { parent: top, 0: one, 1: two, length: 2 })
    Object.assign(one as object, { parent: top, length: 0 })
    Object.assign(two as object, { parent: top, 0: inner, length: 1 })
    Object.assign(inner as object, { parent: two, length: 0 })
    // With another origin, scripts can only read `parent`, `length` and the frames of this window.
    const get = () => expect.unreachable('a SecurityError')
    Object.defineProperty(top, Symbol.iterator, { get })
    return [top, one, two, inner] as EventTarget[]
  }

  it('are different peers, each of which stays the same after a reload', () => {
    const tab = new Tab()
    const loaded = frames().map((page) => tab.load(page))
    const ids = loaded.map(({ slots }) => slots.take('bar', nobody).identity.peerId)
    for (const { page } of loaded) page.dispatchEvent(new Event('pagehide'))
    expect(tab.items.has('signaling-sidecar:slot:bar')).toBe(true)
    expect(new Set(ids).size).toBe(4)
    const again = frames().reverse()
    expect(again.map((page) => tab.load(page).slots.take('bar', nobody).identity.peerId)).toEqual(
      ids.reverse(),
    )
  })
})

describe('a page from the back/forward cache', () => {
  const pageshow = Object.assign(new Event('pageshow'), { persisted: true })

  it('continues with its identity, and empties the storage again', () => {
    const tab = new Tab()
    const { slots, page } = tab.load()
    const restored = vi.fn()
    slots.take('bar', { ...nobody, restored }).identity = { peerId: 'ann', token: 'secret' }
    page.dispatchEvent(new Event('pagehide'))
    page.dispatchEvent(pageshow)
    expect(tab.items.size).toBe(0)
    expect(restored).not.toHaveBeenCalled()
  })

  it('continues the session of a page that was loaded in the meantime', () => {
    const tab = new Tab()
    const { slots, page } = tab.load()
    const restored = vi.fn()
    slots.take('bar', { ...nobody, restored }).identity = { peerId: 'ann', token: 'first' }
    page.dispatchEvent(new Event('pagehide'))
    unloaded(tab, { peerId: 'ann', token: 'second' })
    page.dispatchEvent(pageshow)
    expect(restored).toHaveBeenCalledWith(expect.objectContaining({ token: 'second' }))
    expect(tab.items.size).toBe(0)
  })
})

describe('a slot', () => {
  function scene() {
    const page = new EventTarget()
    const slots = new Slots(undefined, page)
    const replaced = vi.fn()
    const slot = slots.take('bar', { ...nobody, replaced })
    slot.identity = { peerId: 'ann', token: 'secret' }
    const calls: string[] = []
    const socket = { send: () => calls.push('leave'), close: () => calls.push('close') }
    return { page, slots, slot, replaced, calls, socket }
  }

  it('is taken over by the newer client, and the earlier one is notified', () => {
    const { slots, replaced } = scene()
    const next = slots.take('bar', nobody)
    expect(next.identity).toEqual({ peerId: 'ann', token: 'secret' })
    expect(replaced).not.toHaveBeenCalled()
    next.notifyPrevious()
    expect(replaced).toHaveBeenCalledExactlyOnceWith(false)
  })

  it('makes the earlier client leave if the newer one has another id', () => {
    const { slots, replaced } = scene()
    const next = slots.take('bar', nobody, 'ben')
    next.notifyPrevious()
    expect(next.identity).toEqual({ peerId: 'ben' })
    expect(replaced).toHaveBeenCalledExactlyOnceWith(true)
  })

  it('ends its session shortly after its client was closed', () => {
    const { slots, slot, calls, socket } = scene()
    slot.releaseSoon(socket)
    vi.advanceTimersByTime(200)
    expect(calls).toEqual([])
    vi.advanceTimersByTime(50)
    expect(calls).toEqual(['leave', 'close'])
    expect(slots.take('bar', nobody).identity.token).toBeUndefined()
  })

  it('keeps its session if another client takes it over in the meantime', () => {
    const { slots, slot, calls, socket } = scene()
    slot.releaseSoon(socket)
    const next = slots.take('bar', nobody)
    next.notifyPrevious()
    vi.advanceTimersByTime(1_000)
    expect(calls).toEqual(['close'])
    expect(next.identity.token).toBe('secret')
  })

  it('ends its session at once if the page is unloaded in the meantime', () => {
    const { page, slot, calls, socket } = scene()
    slot.releaseSoon(socket)
    page.dispatchEvent(new Event('pagehide'))
    expect(calls).toEqual(['leave', 'close'])
  })

  it('ends its session at once outside of a page', () => {
    const { calls, socket } = scene()
    new Slots(undefined, undefined).take('bar', nobody).releaseSoon(socket)
    expect(calls).toEqual(['leave', 'close'])
  })

  it('keeps its session if its client has ended without a leave', () => {
    const { slots, slot } = scene()
    slot.release(false)
    expect(slots.take('bar', nobody).identity).toMatchObject({ peerId: 'ann', token: 'secret' })
  })
})

it('a random id can be created on an insecure page', () => {
  expect(randomId()).toMatch(/^[0-9a-f]{24}$/)
  expect(randomId()).not.toBe(randomId())
})
