import { describe, expect, it, vi } from 'vitest'
import { SignalingClient } from '../../src/browser/index.ts'
import { useFakeClock } from './fake-clock.ts'
import { FakePage } from './fake-page.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'
import {
  again,
  nextSocket,
  offers,
  RECONNECT_MS,
  resumable,
  resumed,
  ticket,
} from './resume-scene.ts'

useFakeClock()

describe('a lost connection', () => {
  it.each([1000, 1001, 1005, 1006, 1012])(
    'with code %i is followed by a resumed session',
    async (code) => {
      const { socket, events } = await resumable()
      socket.deliver({ type: 'offer', from: 'ben', n: 1, s: 1 })
      const next = await again(socket, code)
      expect(next.sent).toMatchObject([
        { type: 'join', roomId: 'bar', peerId: 'ann', resume: { token: 'one', after: 1 } },
      ])
      next.deliver(resumed(0))
      for (const s of [1, 2, 3]) next.deliver({ type: 'offer', from: 'ben', n: s, s })
      expect(offers(events)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
      expect(events.map(([name]) => name)).not.toContain('peer_list')
      expect(events).toContainEqual(['resumed', { room: 'bar', peerId: 'ann' }])

      const third = await again(next)
      expect(third.sent).toMatchObject([{ resume: { token: 'two', after: 3 } }])
    },
  )

  it('lets the client keep frames, which it sends once, after the answer', async () => {
    const { signaling, socket } = await resumable()
    signaling.relay('ben', 'offer', { n: 1 })
    socket.drop(1006)
    expect(signaling.relay('ben', 'candidate', { n: 2 })).toBe(true)
    expect(signaling.broadcast({ n: 3 })).toBe(true)
    const next = await nextSocket(RECONNECT_MS)
    next.open()
    signaling.relay('ben', 'signal', { n: 4 })
    expect(next.sent).toHaveLength(1)
    next.deliver(resumed(1))
    expect(next.sent.slice(1)).toMatchObject([
      { type: 'candidate', n: 2, c: 2 },
      { type: 'broadcast', n: 3, c: 3 },
      { type: 'signal', n: 4, c: 4 },
    ])
  })

  it('makes the client return false when it keeps too many frames', async () => {
    const { signaling, socket } = await resumable()
    socket.drop(1006)
    const sent = Array.from({ length: 300 }, (_, n) => signaling.relay('ben', 'signal', { n }))
    expect(sent.filter(Boolean)).toHaveLength(256)
  })

  it('that left a gap is followed by a new list in the same session', async () => {
    const { signaling, socket, events } = await resumable()
    socket.drop(1006)
    signaling.relay('ben', 'signal', { n: 1 })
    const next = await nextSocket(RECONNECT_MS)
    next.open()
    next.deliver({ type: 'not_resumed', why: 'gap' })
    next.deliver({
      type: 'peer_list',
      peers: [],
      roomId: 'bar',
      peerId: 'ann',
      resume: ticket('two'),
      ca: 0,
      s: 400,
    })
    expect(next.sent.slice(1)).toMatchObject([{ type: 'signal', n: 1, c: 1, a: 400 }])
    expect(events.map(([name]) => name)).toEqual(['peer_list'])
    next.deliver({ type: 'offer', from: 'ben', n: 401, s: 401 })
    expect(offers(events)).toEqual([{ n: 401 }])
  })

  it('is followed by a new peer if the session has ended', async () => {
    const { signaling, socket, events } = await resumable({})
    signaling.relay('ben', 'signal', { n: 1 })
    const next = await again(socket)
    next.deliver({ type: 'not_resumed', why: 'token' })
    next.deliver({
      type: 'peer_list',
      peers: [{ peerId: 'ben' }],
      roomId: 'bar',
      peerId: 'given',
      resume: ticket('new'),
    })
    expect(signaling.peerId).toBe('given')
    expect(events.map(([name]) => name)).toEqual(['renamed', 'peer_list'])
    signaling.relay('ben', 'signal', { n: 2 })
    expect(next.sent.slice(1)).toMatchObject([{ n: 2, c: 1 }])
  })
})

describe('leaving without a connection', () => {
  const leaving = [
    { type: 'join', roomId: 'bar', peerId: 'ann', resume: { token: 'one', after: 0 } },
    { type: 'leave' },
  ]

  it('is told to the sidecar on the next connection, and only once', async () => {
    const { signaling, socket, events } = await resumable()
    socket.drop(1006)
    signaling.leave()
    const next = await nextSocket(RECONNECT_MS)
    next.open()
    expect(next.sent).toMatchObject(leaving)
    next.deliver({ type: 'error', code: 'too-fast', message: 'wait', ref: next.sent[0]?.id })
    next.deliver(resumed(0))
    next.deliver({ type: 'error', code: 'not-joined', message: 'it is in no room' })
    expect((await again(next)).sent).toEqual([])
    expect(events).toEqual([['left', { room: 'bar', why: 'left' }]])
    expect([signaling.room, signaling.state]).toEqual([undefined, 'connected'])
  })

  it('comes before the join of the next room, whose answer is the next list', async () => {
    const { signaling, socket, events } = await resumable()
    socket.drop(1006)
    signaling.join('den')
    const next = await nextSocket(RECONNECT_MS)
    next.open()
    expect(next.sent).toMatchObject([...leaving, { type: 'join', roomId: 'den' }])
    next.deliver(resumed(0))
    next.deliver({ type: 'peer_list', peers: [], roomId: 'den', peerId: 'ann' })
    expect(events.map(([name]) => name)).toEqual(['left', 'peer_list'])
  })

  it('is not told if the client has joined the room again, or if the session has ended', async () => {
    const { signaling, socket } = await resumable()
    socket.drop(1006)
    signaling.leave()
    signaling.join()
    const next = await nextSocket(RECONNECT_MS)
    next.open()
    expect(next.sent).toMatchObject([{ type: 'join', roomId: 'bar', resume: { token: 'one' } }])
    const list = { type: 'peer_list', peers: [], roomId: 'bar', peerId: 'ann' }
    next.deliver({ ...list, resume: ticket('two'), s: 0, ca: 0 })
    next.drop(1006)
    signaling.leave()
    await vi.advanceTimersByTimeAsync(31_000)
    expect((await again(await nextSocket())).sent).toEqual([])
  })
})

describe('acknowledging', () => {
  it('happens with the next frame, or after a second, or after sixteen frames', async () => {
    const { signaling, socket } = await resumable()
    socket.deliver({ type: 'offer', from: 'ben', s: 1 })
    signaling.relay('ben', 'answer')
    await vi.advanceTimersByTimeAsync(2_000)
    expect(socket.sent.slice(1)).toEqual([{ type: 'answer', to: 'ben', c: 1, a: 1 }])

    socket.deliver({ type: 'candidate', from: 'ben', s: 2 })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(socket.sent.at(-1)).toEqual({ type: 'ack', a: 2 })

    for (let s = 3; s <= 18; s += 1) socket.deliver({ type: 'candidate', from: 'ben', s })
    expect(socket.sent.at(-1)).toEqual({ type: 'ack', a: 18 })
    expect(socket.sent).toHaveLength(4)
  })

  it('drops the frames that were kept', async () => {
    const { signaling, socket } = await resumable()
    for (const n of [1, 2, 3]) signaling.relay('ben', 'signal', { n })
    socket.deliver({ type: 'ack', ca: 2 })
    const next = await again(socket)
    next.deliver(resumed(2))
    expect(next.sent.slice(1)).toMatchObject([{ n: 3, c: 3 }])
  })
})

it('the client reports that the session no longer survives a restart of the sidecar', async () => {
  const { signaling, socket } = await resumable()
  const told: boolean[] = []
  signaling.addEventListener('durable', ({ detail }) => told.push(detail.durable))
  socket.deliver({ type: 'durable', durable: false })
  socket.deliver({ type: 'durable', durable: true })
  expect(told).toEqual([false, true])
})

it('after a gap in the numbers, the frame is ignored and the client reconnects', async () => {
  const { socket, events } = await resumable()
  socket.deliver({ type: 'offer', from: 'ben', n: 2, s: 2 })
  expect(offers(events)).toEqual([])
  expect(await nextSocket(RECONNECT_MS)).not.toBe(socket)
})

describe('a half-open socket', () => {
  it('is noticed when a ping is not answered', async () => {
    const { socket } = await resumable()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(FakeWebSocket.made).toHaveLength(1)

    socket.answersPings = false
    await vi.advanceTimersByTimeAsync(15_000)
    expect(await nextSocket(RECONNECT_MS)).not.toBe(socket)
  })

  it.each(['online', 'visibilitychange'])('is tested for at once on %s', async (name) => {
    const page = new FakePage()
    const { socket } = await resumable()
    socket.answersPings = false
    page.dispatchEvent(new Event(name))
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await nextSocket(RECONNECT_MS)).not.toBe(socket)
  })

  it('is tested for in a hidden page when the network is back, but not when the page is hidden', async () => {
    const page = new FakePage()
    const { socket } = await resumable()
    socket.answersPings = false
    page.visibilityState = 'hidden'
    page.dispatchEvent(new Event('visibilitychange'))
    await vi.advanceTimersByTimeAsync(6_000)
    expect(FakeWebSocket.made).toHaveLength(1)
    page.dispatchEvent(new Event('online'))
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await nextSocket(RECONNECT_MS)).not.toBe(socket)
  })

  it('is not waited for when the network is back', async () => {
    const page = new EventTarget()
    vi.stubGlobal('window', page)
    const { socket } = await resumable()
    socket.drop(1006)
    page.dispatchEvent(new Event('online'))
    expect(await nextSocket(1)).not.toBe(socket)
  })
})

it('a page that was replaced does not reconnect', async () => {
  const { socket, events } = await resumable()
  socket.drop(4001, 'replaced')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(FakeWebSocket.made).toHaveLength(1)
  expect(events).toEqual([['left', { room: 'bar', why: 'replaced' }]])
})

it('a reloaded page reclaims its session without a number', async () => {
  const page = new FakePage()
  await resumable()
  page.reload()
  const signaling = new SignalingClient({ ...fakeNetwork, room: 'bar' })
  const socket = await nextSocket()
  socket.open()
  expect(socket.sent).toMatchObject([{ peerId: 'ann', resume: { token: 'one' } }])
  expect(socket.sent[0]?.resume).not.toHaveProperty('after')
  const list = { type: 'peer_list', peers: [], roomId: 'bar', peerId: 'ann', resume: ticket('two') }
  socket.deliver({ ...list, ca: 5, s: 9 })
  signaling.broadcast({ n: 1 })
  expect(socket.sent.at(-1)).toMatchObject({ n: 1, c: 6, a: 9 })
})

it('an unknown frame counts in the numbers, and a notice is emitted', async () => {
  const { signaling, socket, events } = await resumable()
  const notices: string[] = []
  signaling.addEventListener('notice', ({ detail }) => notices.push(detail.text))
  socket.deliver({ type: 'of_a_later_release', s: 1 })
  socket.deliver({ type: 'notice', text: 'closing time', s: 2 })
  socket.deliver({ type: 'offer', from: 'ben', s: 3 })
  expect(notices).toEqual(['closing time'])
  expect(events.map(([name]) => name)).toEqual(['offer'])
  expect(FakeWebSocket.made).toHaveLength(1)
})
