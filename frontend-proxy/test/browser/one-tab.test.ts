import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  Mesh,
  SignalingClient,
  type SignalingEvents,
  type SignalingOptions,
} from '../../src/browser/index.ts'
import { FakePage } from './fake-page.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'

const FIRST_RETRY_MS = 301
let page: FakePage
let warned: string[]

beforeEach(() => {
  FakeWebSocket.made = []
  page = new FakePage()
  warned = []
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0)
  vi.spyOn(console, 'warn').mockImplementation((text) => warned.push(text))
  vi.spyOn(console, 'info').mockImplementation(() => {})
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

function client(options: SignalingOptions = {}): SignalingClient {
  return new SignalingClient({ ...fakeNetwork, room: 'bar', ...options })
}

/** The socket that was made last, open. */
async function opened(inMs = 0): Promise<FakeWebSocket> {
  await vi.advanceTimersByTimeAsync(inMs)
  const socket = FakeWebSocket.made.at(-1)
  if (socket === undefined) throw new Error('nothing was connected')
  socket.open()
  return socket
}

const ticket = (token: string) => ({ token, graceMs: 30_000, durable: true })

function admit(socket: FakeWebSocket, token: string, peerId = socket.sent.at(-1)?.peerId): void {
  const roomId = socket.sent.at(-1)?.roomId
  socket.deliver({
    type: 'peer_list',
    peers: [],
    roomId,
    peerId,
    resume: ticket(token),
    s: 0,
    ca: 0,
  })
}

/** A client in the room, whose session can be resumed with the token `one`. */
async function joined(options: SignalingOptions = {}) {
  const signaling = client(options)
  const socket = await opened()
  admit(socket, 'one')
  return { signaling, socket, said: record(signaling) }
}

function record(signaling: SignalingClient): string[] {
  const said: string[] = []
  const names = ['peer_list', 'resumed', 'renamed', 'left', 'waiting', 'refused'] as const
  for (const name of names) {
    signaling.addEventListener(name, ({ detail }: CustomEvent<SignalingEvents[typeof name]>) => {
      const why = 'why' in detail ? detail.why : 'code' in detail ? detail.code : ''
      said.push(`${name} ${why}`.trim())
    })
  }
  return said
}

function refuse(socket: FakeWebSocket, code: string): void {
  socket.deliver({ type: 'error', code, message: `it is ${code}`, ref: socket.sent.at(-1)?.id })
}

describe('the newest client of a page', () => {
  it('has the id, the session and the slot of one that was forgotten', async () => {
    const earlier = await joined()
    const newer = client()
    expect(earlier.said).toEqual(['left replaced'])
    expect(earlier.socket.readyState).toBe(3)
    const socket = await opened()
    expect(socket.sent).toMatchObject([{ peerId: newer.peerId, resume: { token: 'one' } }])
    expect(socket.sent[0]?.peerId).toBe(earlier.socket.sent[0]?.peerId)
    expect(socket.sent[0]?.instance).not.toBe(earlier.socket.sent[0]?.instance)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(earlier.socket.sent).toHaveLength(1)
    expect(earlier.signaling.state).toBe('idle')
  })

  it('gives the slot back to one that the page listens to, when the page has never listened to it', async () => {
    const kept = client()
    const discarded = client()
    const { peerId } = discarded
    const said = record(kept)
    expect([kept.peerId, kept.room, discarded.room]).toEqual([peerId, 'bar', undefined])
    admit(await opened(), 'one', peerId)
    expect(said).toEqual(['peer_list'])
    expect(warned).toEqual([])
    expect(console.info).not.toHaveBeenCalled()
  })

  it('gives it back to one whose mesh the page listens to', async () => {
    const kept = new Mesh(client())
    const discarded = new Mesh(client())
    expect(kept.client.room).toBeUndefined()
    kept.addEventListener('message', () => {})
    expect([kept.client.room, discarded.client.room]).toEqual(['bar', undefined])
  })

  it('keeps it when the page listens to both, and the console says so', async () => {
    const { signaling: earlier } = await joined()
    const newer = client()
    record(newer)
    record(earlier)
    expect([earlier.room, newer.room]).toEqual([undefined, 'bar'])
    expect(warned[0]).toContain("has replaced it in the room 'bar'")
    await vi.advanceTimersByTimeAsync(0)
    expect(console.info).toHaveBeenCalledOnce()
  })

  it('takes it from one whose mesh was just closed without a word in the console', async () => {
    const earlier = new Mesh(client())
    earlier.addEventListener('message', () => {})
    earlier.close()
    const newer = new Mesh(client())
    newer.addEventListener('message', () => {})
    earlier.addEventListener('message', () => {}) // an effect of React's that still has the earlier one
    await vi.advanceTimersByTimeAsync(1)
    expect([earlier.client.room, newer.client.room]).toEqual([undefined, 'bar'])
    expect(warned).toEqual([])
    expect(console.info).not.toHaveBeenCalled()
  })

  it('is missed by a page that goes on sending with a mesh that it has closed: the console says so', () => {
    const mesh = new Mesh(client())
    mesh.close()
    expect([mesh.send('hi'), mesh.send('hi')]).toEqual([0, 0])
    expect(warned).toEqual([expect.stringContaining('this mesh was closed, so it sends nothing')])
  })

  it('repeats the join of one that was not answered yet', async () => {
    client()
    const first = await opened()
    client()
    const second = await opened()
    const { id: _first, ...join } = first.sent[0] ?? {}
    expect(second.sent).toMatchObject([join])
    expect(join).toMatchObject({ resume: true })
  })

  it('has the session of one that was closed without a connection', async () => {
    const earlier = await joined()
    earlier.socket.drop(1006)
    earlier.signaling.close()
    client()
    expect((await opened()).sent).toMatchObject([{ resume: { token: 'one' } }])
  })

  it('has the session of one that was closed a moment ago, and nobody sees a leave', async () => {
    const earlier = await joined()
    earlier.signaling.close()
    await vi.advanceTimersByTimeAsync(200)
    client()
    expect((await opened(1_000)).sent).toMatchObject([{ resume: { token: 'one' } }])
    expect(earlier.socket.sent).toHaveLength(1)
    expect(earlier.said).toEqual(['left closed'])
  })

  it('has only the id of one that has left', async () => {
    const earlier = await joined()
    earlier.signaling.leave()
    const { peerId } = client()
    expect((await opened()).sent).toMatchObject([{ peerId, resume: true }])
    expect(peerId).toBe(earlier.socket.sent[0]?.peerId)
  })

  it('is somebody else when it is to have another id, and the earlier one leaves', async () => {
    const earlier = await joined({ peerId: 'ann' })
    client({ peerId: 'ben' })
    expect(earlier.socket.sent.at(-1)).toEqual({ type: 'leave' })
    expect((await opened()).sent).toMatchObject([{ peerId: 'ben', resume: true }])
  })

  it('is the one of another copy of the library, too', async () => {
    const earlier = await joined()
    vi.resetModules()
    const copy = await import('../../src/browser/index.ts')
    expect(copy.SignalingClient).not.toBe(SignalingClient)
    new copy.SignalingClient({ ...fakeNetwork, room: 'bar' })
    expect(earlier.said).toEqual(['left replaced'])
    expect((await opened()).sent).toMatchObject([{ resume: { token: 'one' } }])
  })

  it('leaves the list of rooms to the earlier one', async () => {
    const earlier = await joined()
    earlier.signaling.watchRooms()
    client()
    await vi.advanceTimersByTimeAsync(0)
    const [, ...sockets] = FakeWebSocket.made
    for (const socket of sockets) socket.open()
    expect(sockets.map(({ sent }) => sent[0]?.type).sort()).toEqual(['join', 'watch_rooms'])
  })

  it('takes nothing from a client of another room, of another slot or of another sidecar', async () => {
    const earlier = await joined()
    client({ room: 'pub' })
    client({ slot: 'second' })
    client({ url: 'ws://other.test/ws/signaling' })
    expect(earlier.said).toEqual([])
    await vi.advanceTimersByTimeAsync(0)
    const ids = FakeWebSocket.made.map((socket) => {
      if (socket.readyState === 0) socket.open()
      return socket.sent[0]?.peerId
    })
    expect(new Set(ids).size).toBe(4)
  })
})

describe('a page', () => {
  it('that is reloaded before its join was answered repeats it, however often', async () => {
    client()
    const first = await opened()
    for (let reload = 0; reload < 3; reload += 1) {
      page.reload()
      client()
      const { peerId, instance } = (await opened()).sent[0] ?? {}
      expect({ peerId, instance }).toMatchObject({
        peerId: first.sent[0]?.peerId,
        instance: first.sent[0]?.instance,
      })
    }
  })

  it('keeps the session of an id that the app has chosen over a reload', async () => {
    await joined({ peerId: 'user-1' })
    page.reload()
    client({ peerId: 'user-1' })
    expect((await opened()).sent).toMatchObject([{ peerId: 'user-1', resume: { token: 'one' } }])
  })

  it('that comes back from the back/forward cache goes on as the page that was there', async () => {
    const first = await joined({ peerId: 'ann' })
    page.reload()
    client({ peerId: 'ann' })
    admit(await opened(), 'two')
    page.reload()
    page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    const socket = await opened(FIRST_RETRY_MS)
    expect(socket.sent).toMatchObject([{ peerId: 'ann', resume: { token: 'two' } }])
    expect(first.said).toEqual([])
  })
})

describe('a taken id', () => {
  it('that the app has chosen is waited for, and the console says so once', async () => {
    const signaling = client({ peerId: 'user-1' })
    const said = record(signaling)
    const socket = await opened()
    const sentAt: number[] = []
    for (let tries = 1; tries <= 8; tries += 1) {
      refuse(socket, 'id-taken')
      const start = Date.now()
      while (socket.sent.length === tries) await vi.advanceTimersByTimeAsync(50)
      sentAt.push(Date.now() - start)
    }
    expect(sentAt).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000])
    expect(new Set(socket.sent.map(({ peerId }) => peerId))).toEqual(new Set(['user-1']))
    expect(warned).toHaveLength(1)
    expect(warned[0]).toContain('uses this peer id')
    admit(socket, 'one')
    expect(signaling.joined).toBe(true)
    expect(new Set(said)).toEqual(new Set(['waiting id-taken', 'peer_list']))
  })

  it('that nobody has chosen is given up for a new one', async () => {
    const signaling = client()
    const socket = await opened()
    const { peerId } = signaling
    for (let tries = 1; tries <= 4; tries += 1) {
      refuse(socket, 'id-taken')
      await vi.advanceTimersByTimeAsync(800)
    }
    expect(socket.sent.slice(0, 4).map((frame) => frame.peerId)).toEqual(Array(4).fill(peerId))
    expect(socket.sent[4]?.peerId).toBe(signaling.peerId)
    expect(signaling.peerId).not.toBe(peerId)
    expect(warned).toEqual([])
  })

  it('is asked for anew on a new connection, and no more by a client that has closed', async () => {
    const signaling = client({ peerId: 'user-1' })
    const socket = await opened()
    refuse(socket, 'id-taken')
    socket.drop(1006)
    const second = await opened(FIRST_RETRY_MS)
    expect(second.sent).toHaveLength(1)
    refuse(second, 'id-taken')
    signaling.close()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(second.sent.map(({ type }) => type)).toEqual(['join', 'leave'])
  })
})

it.each([
  'room-full',
  'barred',
  'refused-by-hook',
  'bad-field',
  'too-many-rooms',
  'of-a-later-release',
])(
  'a join that is refused with %s is told to the page and in the console, and not repeated',
  async (code) => {
    const said = record(client())
    const socket = await opened()
    said.length = 0
    refuse(socket, code)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(socket.sent).toHaveLength(1)
    expect(warned).toEqual([expect.stringContaining(`'bar' (${code}): it is ${code}. `)])
  },
)

describe('an id that the app has chosen', () => {
  it('is kept when its session is over: the one that the sidecar gives is left at once', async () => {
    const { signaling, socket, said } = await joined({ peerId: 'user-1' })
    socket.drop(1006)
    const next = await opened(FIRST_RETRY_MS)
    next.deliver({ type: 'not_resumed', why: 'token' })
    next.deliver({ type: 'peer_list', peers: [], roomId: 'bar', peerId: 'x', resume: ticket('x') })
    expect(next.sent.slice(1)).toMatchObject([
      { type: 'leave' },
      { type: 'join', peerId: 'user-1', resume: true },
    ])
    admit(next, 'two')
    expect(signaling.peerId).toBe('user-1')
    expect(said).toEqual(['peer_list'])
  })

  it('is asked for without its session when that is probably over', async () => {
    const { signaling, socket } = await joined({ peerId: 'user-1' })
    signaling.broadcast({ kept: 'for the session that is over' })
    socket.drop(1006)
    await vi.advanceTimersByTimeAsync(FIRST_RETRY_MS)
    vi.setSystemTime(Date.now() + 40_000)
    const next = await opened()
    expect(next.sent).toMatchObject([{ type: 'join', peerId: 'user-1', resume: true }])
    admit(next, 'two')
    signaling.broadcast({ n: 1 })
    expect(next.sent.slice(1)).toMatchObject([{ n: 1, c: 1 }])
  })

  it('is asked for with its session when that is there after all', async () => {
    const { socket, said } = await joined({ peerId: 'user-1' })
    socket.drop(1006)
    await vi.advanceTimersByTimeAsync(FIRST_RETRY_MS)
    vi.setSystemTime(Date.now() + 40_000)
    const next = await opened()
    refuse(next, 'id-taken')
    expect(next.sent[1]).toMatchObject({ peerId: 'user-1', resume: { token: 'one', after: 0 } })
    next.deliver({ type: 'resumed', roomId: 'bar', peerId: 'user-1', resume: ticket('two'), ca: 0 })
    expect(said.at(-1)).toBe('resumed')
  })
})

it('a move that is refused leaves it in no room', async () => {
  const { signaling, socket } = await joined()
  signaling.join('pub')
  expect(socket.sent.slice(1)).toMatchObject([{ type: 'leave' }, { type: 'join', roomId: 'pub' }])
})

it('a join without a room is to the room of before', async () => {
  const { signaling, socket } = await joined({ peerId: 'ann', capacity: 4 })
  signaling.leave()
  signaling.join()
  expect(socket.sent.at(-1)).toMatchObject({ roomId: 'bar', peerId: 'ann', capacity: 4 })
  expect(() => new SignalingClient(fakeNetwork).join()).toThrow('join() needs a room')
})

describe('a mesh that is closed', () => {
  const options = { trace: false }

  it('closes its client, so that the tab is not in the room any more', async () => {
    const { signaling, socket } = await joined()
    new Mesh(signaling, options).close()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(socket.sent.at(-1)).toEqual({ type: 'leave' })
    expect(socket.readyState).toBe(3)
  })

  it('leaves the client to another mesh, also to one that is made at once', async () => {
    const { signaling, said } = await joined()
    const first = new Mesh(signaling, options)
    first.close()
    const second = new Mesh(signaling, options)
    first.close()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(signaling.joined).toBe(true)
    expect(said).toEqual([])
    second.close({ keepClient: true })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(signaling.joined).toBe(true)
  })

  it('makes the client join again when another mesh is made of it later', async () => {
    const { signaling } = await joined()
    new Mesh(signaling, options).close()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(signaling.room).toBeUndefined()
    new Mesh(signaling, options)
    expect((await opened()).sent).toMatchObject([{ type: 'join', roomId: 'bar' }])
  })

  it('keeps the slot when its page is only unloaded', async () => {
    const { signaling, socket } = await joined()
    new Mesh(signaling, options)
    page.reload()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(socket.sent).toHaveLength(1)
    new Mesh({ ...fakeNetwork, room: 'bar' }, options)
    expect((await opened()).sent).toMatchObject([{ resume: { token: 'one' } }])
  })
})
