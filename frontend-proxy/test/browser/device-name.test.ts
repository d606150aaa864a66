import { beforeEach, expect, it, vi } from 'vitest'
import type { PageStorage } from '../../src/browser/page-storage.ts'
import { FakeStorage } from './fake-storage.ts'

const KEY = 'signaling-sidecar:device-name'

/** Imports the module again, as another page of the same browser does. */
async function load(): Promise<(storage?: PageStorage) => string> {
  vi.resetModules()
  return (await import('../../src/browser/device-name.ts')).deviceName
}

beforeEach(() => void vi.unstubAllGlobals())

it('is two words, which are the same on every page of a browser', async () => {
  const browser = new FakeStorage()
  const name = (await load())(browser)
  expect(name).toMatch(/^[A-Z][a-z]+ [A-Z][a-z]+$/)
  expect((await load())(browser)).toBe(name)
})

it('is different in another browser', async () => {
  const names = new Set<string>()
  for (let browser = 0; browser < 40; browser += 1) names.add((await load())(new FakeStorage()))
  expect(names.size).toBeGreaterThan(30)
})

it('stays the same until the page is unloaded if there is no storage', async () => {
  vi.stubGlobal('localStorage', undefined)
  const deviceName = await load()
  const name = deviceName()
  expect(deviceName()).toBe(name)
})

it('stays the same until the page is unloaded if the user blocks storage', async () => {
  const blocked = {
    get: () => {
      throw new DOMException('blocked', 'SecurityError')
    },
    configurable: true,
  }
  Object.defineProperty(globalThis, 'localStorage', blocked)
  const deviceName = await load()
  expect(deviceName()).toBe(deviceName())
  Reflect.deleteProperty(globalThis, 'localStorage')
})

it('works on an insecure page', async () => {
  const { getRandomValues } = crypto
  vi.stubGlobal('crypto', { getRandomValues: getRandomValues.bind(crypto) })
  expect((await load())(new FakeStorage())).toMatch(/ /)
})

it.each(['', 'Mallory', 'Brave Otter Brave', 'Brave Mallory', '<b>Brave</b> Otter'])(
  'ignores a stored name that it has not created: %j',
  async (kept) => {
    const browser = new FakeStorage()
    browser.setItem(KEY, kept)
    const name = (await load())(browser)
    expect(name).not.toBe(kept)
    expect(browser.getItem(KEY)).toBe(name)
  },
)
