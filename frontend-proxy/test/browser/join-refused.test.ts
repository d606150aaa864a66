import { describe, expect, it, vi } from 'vitest'
import { SignalingClient } from '../../src/browser/index.ts'
import { fakeNetwork } from './fake-web-socket.ts'
import {
  admit,
  client,
  FIRST_RETRY_MS,
  joined,
  opened,
  page,
  record,
  refuse,
  ticket,
  useFakePage,
  warned,
} from './page-scene.ts'

useFakePage()

describe('a taken id', () => {
  it('that the app has chosen is requested again until it is free, with one warning', async () => {
    const signaling = client({ peerId: 'user-1' })
    const events = record(signaling)
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
    expect(new Set(events)).toEqual(new Set(['waiting id-taken', 'peer_list']))
  })

  it('that the app has not chosen is replaced with a new one', async () => {
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

  it('is requested again on a new connection, but not by a closed client', async () => {
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
  'a join that is refused with %s is reported to the page and in the console, and is not repeated',
  async (code) => {
    const events = record(client())
    const socket = await opened()
    events.length = 0
    refuse(socket, code)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(socket.sent).toHaveLength(1)
    expect(warned).toEqual([expect.stringContaining(`'bar' (${code}): it is ${code}. `)])
  },
)

describe('an id that the app has chosen', () => {
  it('is kept when its session has ended: the client leaves the session with another id', async () => {
    const { signaling, socket, events } = await joined({ peerId: 'user-1' })
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
    expect(events).toEqual(['peer_list'])
  })

  it('is requested only once if the sidecar answers two joins with another id', async () => {
    const { signaling, socket } = await joined({ peerId: 'user-1' })
    socket.drop(1006)
    const next = await opened(FIRST_RETRY_MS)
    next.deliver({ type: 'error', code: 'too-fast', message: 'wait' })
    await vi.advanceTimersByTimeAsync(1_000)
    for (const peerId of ['x', 'y']) {
      next.deliver({ type: 'not_resumed', why: 'token' })
      next.deliver({ type: 'peer_list', peers: [], roomId: 'bar', peerId, resume: ticket(peerId) })
    }
    expect(next.sent.map(({ type }) => type)).toEqual(['join', 'join', 'leave', 'join'])
    admit(next, 'two')
    expect(signaling.joined).toBe(true)
  })

  it('is requested without its token if the session has probably ended', async () => {
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

  it('is requested without its token if the computer was asleep', async () => {
    const { socket } = await joined({ peerId: 'user-1' })
    vi.setSystemTime(Date.now() + 600_000)
    socket.drop(1006)
    expect((await opened(FIRST_RETRY_MS)).sent).toMatchObject([{ peerId: 'user-1', resume: true }])
  })

  it('is requested without its token if its page was unloaded more than 5 s ago', async () => {
    await joined({ peerId: 'user-1' })
    page.reload()
    vi.setSystemTime(Date.now() + 4_000)
    client({ peerId: 'user-1' })
    const soon = await opened()
    expect(soon.sent).toMatchObject([{ peerId: 'user-1', resume: { token: 'one' } }])
    admit(soon, 'two')
    page.reload()
    vi.setSystemTime(Date.now() + 6_000)
    client({ peerId: 'user-1' })
    expect((await opened()).sent).toMatchObject([{ peerId: 'user-1', resume: true }])
  })

  it('is requested with its token if the session has not ended after all', async () => {
    const { socket, events } = await joined({ peerId: 'user-1' })
    socket.drop(1006)
    await vi.advanceTimersByTimeAsync(FIRST_RETRY_MS)
    vi.setSystemTime(Date.now() + 40_000)
    const next = await opened()
    refuse(next, 'id-taken')
    expect(next.sent[1]).toMatchObject({ peerId: 'user-1', resume: { token: 'one', after: 0 } })
    next.deliver({ type: 'resumed', roomId: 'bar', peerId: 'user-1', resume: ticket('two'), ca: 0 })
    expect(events.at(-1)).toBe('resumed')
  })
})

it('a client that moves leaves its room before it joins the next one', async () => {
  const { signaling, socket } = await joined()
  signaling.join('pub')
  expect(socket.sent.slice(1)).toMatchObject([{ type: 'leave' }, { type: 'join', roomId: 'pub' }])
})

it('a client that leaves a room while its join is refused is not told that it is in no room', async () => {
  const signaling = client({ peerId: 'ann' })
  const events = record(signaling)
  const socket = await opened()
  refuse(socket, 'id-taken')
  signaling.leave()
  expect(socket.sent.at(-1)).toEqual({ type: 'leave' })
  refuse(socket, 'not-joined')
  expect(events).toEqual(['waiting id-taken', 'left left'])
})

it('a join without a room joins the last room again', async () => {
  const { signaling, socket } = await joined({ peerId: 'ann', capacity: 4 })
  signaling.leave()
  signaling.join()
  expect(socket.sent.at(-1)).toMatchObject({ roomId: 'bar', peerId: 'ann', capacity: 4 })
  expect(() => new SignalingClient(fakeNetwork).join()).toThrow('join() needs a room')
})
