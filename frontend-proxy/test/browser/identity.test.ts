import { expect, it } from 'vitest'
import { randomId, TabIdentity } from '../../src/browser/identity.ts'
import type { PageStorage } from '../../src/browser/page-storage.ts'

class Tab extends EventTarget implements PageStorage {
  readonly items: Map<string, string>

  constructor(copyOf?: Tab) {
    super()
    this.items = new Map(copyOf?.items)
  }

  getItem(key: string): string | null {
    return this.items.get(key) ?? null
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value)
  }

  removeItem(key: string): void {
    this.items.delete(key)
  }

  /** A page in this tab: the storage stays, the listeners of the page before do not count. */
  load(): { identity: TabIdentity; page: EventTarget } {
    const page = new EventTarget()
    return { identity: new TabIdentity(this, page), page }
  }
}

it('a reloaded page is the same peer', () => {
  const tab = new Tab()
  const before = tab.load()
  const { peerId } = before.identity.take('bar')
  before.identity.become('bar', { peerId, token: 'secret' })
  before.page.dispatchEvent(new Event('pagehide'))

  expect(tab.load().identity.take('bar')).toEqual({ peerId, token: 'secret' })
})

it('a page that was renamed comes back under its new name', () => {
  const tab = new Tab()
  const before = tab.load()
  before.identity.take('bar')
  before.identity.become('bar', { peerId: 'new' })
  before.page.dispatchEvent(new Event('pagehide'))

  expect(tab.load().identity.take('bar')).toEqual({ peerId: 'new' })
})

it.each(['no json', '[]', '{"token":"x"}', '{"peerId":7}'])('finds nobody in %j', (stored) => {
  const tab = new Tab()
  tab.items.set('signaling-sidecar:peer:bar', stored)

  expect(tab.load().identity.take('bar')).toEqual({
    peerId: expect.stringMatching(/^[0-9a-f]{24}$/),
  })
})

it('a duplicated tab is a new peer, also when the first was reloaded before', () => {
  const tab = new Tab()
  const before = tab.load()
  before.identity.take('bar')
  before.page.dispatchEvent(new Event('pagehide'))
  const { peerId } = tab.load().identity.take('bar')

  expect(new Tab(tab).load().identity.take('bar').peerId).not.toBe(peerId)
})

it('a page from the back/forward cache takes its id out of the storage again', () => {
  const tab = new Tab()
  const { identity, page } = tab.load()
  const { peerId } = identity.take('bar')
  page.dispatchEvent(new Event('pagehide'))
  page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))

  expect(new Tab(tab).load().identity.take('bar').peerId).not.toBe(peerId)
})

it('is somebody else in every room', () => {
  const { identity } = new Tab().load()
  expect(identity.take('bar').peerId).not.toBe(identity.take('pub').peerId)
})

it('has the same id, and not the same session, in a room that it left and joins again', () => {
  const { identity } = new Tab().load()
  const { peerId } = identity.take('bar')
  identity.become('bar', { peerId, token: 'secret' })
  identity.putBack('bar')

  expect(identity.take('bar')).toEqual({ peerId })
})

it('does without a storage', () => {
  const identity = new TabIdentity(undefined, undefined)
  expect(identity.take('bar').peerId).toMatch(/^[0-9a-f]{24}$/)
})

it('a random id needs no secure context', () => {
  expect(randomId()).toMatch(/^[0-9a-f]{24}$/)
  expect(randomId()).not.toBe(randomId())
})
