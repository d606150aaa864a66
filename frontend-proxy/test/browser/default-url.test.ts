import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'

beforeEach(() => {
  vi.resetModules()
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', vi.fn())
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

function stubPage(href: string, origin: string): void {
  vi.stubGlobal('location', new URL(href))
  vi.stubGlobal('origin', origin)
}

async function urlAt(href: string, origin: string): Promise<string | undefined> {
  stubPage(href, origin)
  return (await import('../../src/browser/default-url.ts')).defaultUrl()
}

it.each([
  ['http://localhost:5173/a/b?c#d', 'http://localhost:5173', 'ws://localhost:5173/ws/signaling'],
  ['https://192.168.1.7/', 'https://192.168.1.7', 'wss://192.168.1.7/ws/signaling'],
  ['about:blank', 'http://localhost:5173', 'ws://localhost:5173/ws/signaling'],
  ['about:srcdoc', 'https://dev.test', 'wss://dev.test/ws/signaling'],
  ['blob:http://localhost:5173/4e1d', 'http://localhost:5173', 'ws://localhost:5173/ws/signaling'],
  ['http://localhost:5173/sandboxed', 'null', 'ws://localhost:5173/ws/signaling'],
])('at %s the default URL is on the origin of the page', async (href, origin, url) => {
  expect(await urlAt(href, origin)).toBe(url)
})

it.each([
  ['http://localhost:8000/', 'http://localhost:8000'],
  ['chrome-extension://abcdef/popup.html', 'chrome-extension://abcdef'],
])(
  "at %s the default URL is on the origin from which Vite's client was loaded",
  async (href, origin) => {
    const key = Symbol.for('vite-plugin-signaling-sidecar')
    Reflect.set(globalThis, key, 'https://localhost:5173')
    const url = await urlAt(href, origin)
    Reflect.deleteProperty(globalThis, key)
    expect(url).toBe('wss://localhost:5173/ws/signaling')
  },
)

it.each([
  ['file:///home/ann/index.html', 'null', 'file: pages'],
  [
    'chrome-extension://abcdef/popup.html',
    'chrome-extension://abcdef',
    'chrome-extension://abcdef',
  ],
  ['moz-extension://0-1/popup.html', 'moz-extension://0-1', 'moz-extension://0-1'],
  ['capacitor://localhost/', 'capacitor://localhost', 'capacitor://localhost'],
  ['tauri://localhost/', 'tauri://localhost', 'tauri://localhost'],
  ['about:blank', 'null', 'about: pages'],
])(
  'at %s there is no default URL: the client warns once and does not connect',
  async (href, origin, place) => {
    expect(await urlAt(href, origin)).toBeUndefined()
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const { SignalingClient } = await import('../../src/browser/index.ts')
    const client = new SignalingClient({ room: 'lobby' })
    new SignalingClient().watchRooms()
    expect(client.state).toBe('idle')
    expect(vi.getTimerCount()).toBe(0)
    expect(globalThis.WebSocket).not.toHaveBeenCalled()
    expect(warn.mock.calls).toEqual([[expect.stringContaining(place)]])
    const advice = origin === 'null' ? 'from your Vite' : "url: 'ws://localhost:5173/ws/signaling'"
    expect(warn.mock.calls[0]?.[0]).toContain(advice) // With the origin `null`, no URL would help.
  },
)

it('during server-side rendering nothing happens, and there is one warning', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue()
  const { deviceName, Mesh, SignalingClient } = await import('../../src/browser/index.ts')
  for (const url of [undefined, 'ws://localhost:5173/ws/signaling']) {
    const client = new SignalingClient({ room: 'lobby', ...(url && { url }) })
    const mesh = new Mesh(client)
    client.watchRooms()
    expect(client.broadcast({ hi: 1 })).toBe(false)
    expect(mesh.send('hi')).toBe(0)
    expect([client.state, client.joined, mesh.peers]).toEqual(['idle', false, []])
    mesh.close()
    client.close()
  }
  expect(deviceName()).toBe('')
  vi.runAllTimers() // This throws if timers start new timers endlessly.
  expect(globalThis.WebSocket).not.toHaveBeenCalled()
  expect(warn.mock.calls).toEqual([[expect.stringContaining('server-side rendering')]])
})

it('in Node.js a client with a url and the WebSocket class of the npm package ws connects and joins', async () => {
  vi.useRealTimers()
  const { SignalingClient } = await import('../../src/browser/index.ts')
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  const joined = new Promise((resolve) => {
    server.on('connection', (socket) =>
      socket.on('message', (text) => resolve(JSON.parse(`${text}`))),
    )
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = new SignalingClient({ room: 'lobby', url: `ws://127.0.0.1:${port}/`, WebSocket })
  expect(await joined).toMatchObject({ type: 'join', roomId: 'lobby' })
  client.close()
  server.close()
})
