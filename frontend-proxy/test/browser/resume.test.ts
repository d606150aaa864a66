import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  SignalingClient,
  type SignalingEvents,
  type SignalingOptions,
} from '../../src/browser/index.ts'
import { FakePage } from './fake-page.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'

const RECONNECT_MS = 600

beforeEach(() => {
  FakeWebSocket.made = []
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0)
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const ticket = (token: string) => ({ token, graceMs: 30_000, durable: true })

async function nextSocket(inMs = 0): Promise<FakeWebSocket> {
  await vi.advanceTimersByTimeAsync(inMs)
  const socket = FakeWebSocket.made.at(-1)
  if (socket === undefined) throw new Error('nothing was connected')
  return socket
}

/** A client in the room `bar`, with Ben, whose session can be resumed. */
async function resumable(options: SignalingOptions = { peerId: 'ann' }) {
  const signaling = new SignalingClient({ ...fakeNetwork, room: 'bar', ...options })
  const socket = await nextSocket()
  socket.open()
  socket.deliver({
    type: 'peer_list',
    peers: [{ peerId: 'ben' }],
    roomId: 'bar',
    peerId: 'ann',
    resume: ticket('one'),
    ca: 0,
    s: 0,
  })
  const events: [string, unknown][] = []
  for (const name of [
    'peer_list',
    'peer_left',
    'peer_joined',
    'resumed',
    'renamed',
    'left',
    'offer',
    'refused',
  ] as const) {
    signaling.addEventListener(name, ({ detail }) => events.push([name, detail]))
  }
  return { signaling, socket, events }
}

/** The connection is lost and made again; the join that is sent then. */
async function again(socket: FakeWebSocket, code = 1006): Promise<FakeWebSocket> {
  socket.drop(code)
  const next = await nextSocket(RECONNECT_MS)
  next.open()
  return next
}

function offers(events: [string, unknown][]): unknown[] {
  return events
    .filter(([name]) => name === 'offer')
    .map(([, detail]) => (detail as SignalingEvents['offer']).payload)
}

const resumed = (ca: number, token = 'two') => ({
  type: 'resumed',
  roomId: 'bar',
  peerId: 'ann',
  ca,
  resume: ticket(token),
})

describe('a lost connection', () => {
  it.each([1000, 1001, 1005, 1006, 1012])('with code %i is resumed where it was', async (code) => {
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
  })

  it('keeps what is sent meanwhile, and sends it once, after the answer', async () => {
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

  it('says so when too much is kept', async () => {
    const { signaling, socket } = await resumable()
    socket.drop(1006)
    const sent = Array.from({ length: 300 }, (_, n) => signaling.relay('ben', 'signal', { n }))
    expect(sent.filter(Boolean)).toHaveLength(256)
  })

  it('that left a gap is a fresh list of the same session', async () => {
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

  it('of a session that is no more is somebody new', async () => {
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

describe('acknowledging', () => {
  it('goes with what is sent, else after a second, else after sixteen', async () => {
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

  it('of our frames ends their being kept', async () => {
    const { signaling, socket } = await resumable()
    for (const n of [1, 2, 3]) signaling.relay('ben', 'signal', { n })
    socket.deliver({ type: 'ack', ca: 2 })
    const next = await again(socket)
    next.deliver(resumed(2))
    expect(next.sent.slice(1)).toMatchObject([{ n: 3, c: 3 }])
  })
})

it('a refusal that does not count is followed by one new start', async () => {
  const { signaling, socket, events } = await resumable()
  for (const n of [1, 2, 3]) signaling.relay('ben', 'signal', { n })
  socket.deliver({ type: 'error', code: 'too-fast', message: 'slow down', ca: 1 })
  socket.deliver({ type: 'error', code: 'out-of-order', message: 'go on from there', ca: 1 })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(socket.sent.slice(4)).toMatchObject([
    { n: 2, c: 2 },
    { n: 3, c: 3 },
  ])
  expect(events.map(([name]) => name)).toEqual(['refused'])
})

describe('numbers that disagree', () => {
  const list = (ca: number, s = 0) => ({
    type: 'peer_list',
    peers: [{ peerId: 'ben' }],
    roomId: 'bar',
    peerId: 'ann',
    resume: ticket('three'),
    ca,
    s,
  })
  const outOfOrder = (ca: number) => ({
    type: 'error',
    code: 'out-of-order',
    message: 'go on',
    ca,
  })

  it('after a sidecar that has forgotten frames end in a fresh list, from which they go on', async () => {
    const { signaling, socket, events } = await resumable()
    for (const n of [1, 2, 3, 4]) signaling.relay('ben', 'signal', { n })
    socket.deliver({ type: 'ack', ca: 3 })
    const next = await again(socket)
    next.deliver(resumed(1))
    expect(next.sent.slice(1)).toMatchObject([{ type: 'join', resume: { token: 'two' } }])
    expect(next.sent[1]?.resume).not.toHaveProperty('after')
    signaling.relay('ben', 'signal', { n: 5 })
    next.deliver(list(1))
    expect(next.sent.slice(2)).toMatchObject([
      { n: 4, c: 2 },
      { n: 5, c: 3 },
    ])
    expect(events.map(([name]) => name)).toEqual(['resumed', 'peer_list'])
  })

  it('go on from a list that comes with a gap', async () => {
    const { signaling, socket } = await resumable()
    for (const n of [1, 2]) signaling.relay('ben', 'signal', { n })
    socket.deliver({ type: 'ack', ca: 2 })
    const next = await again(socket)
    signaling.relay('ben', 'signal', { n: 3 })
    next.deliver({ type: 'not_resumed', why: 'gap' })
    next.deliver(list(0, 7))
    expect(next.sent.slice(1)).toMatchObject([{ n: 3, c: 1, a: 7 }])
  })

  it.each([0, 9])('on any frame (%i) end in a fresh list', async (ca) => {
    const { signaling, socket } = await resumable()
    for (const n of [1, 2, 3]) signaling.relay('ben', 'signal', { n })
    socket.deliver({ type: 'ack', ca: 2 })
    socket.deliver({ type: 'signal', from: 'ben', s: 1, ca })
    expect(socket.sent.at(-1)).toMatchObject({ type: 'join', resume: { token: 'one' } })
    socket.deliver(list(ca, 1))
    expect(socket.sent.at(-1)).toMatchObject({ n: 3, c: ca + 1 })
  })

  it('twice for one frame end in a fresh list, and then without that frame', async () => {
    const { signaling, socket, events } = await resumable()
    for (const n of [1, 2, 3]) signaling.relay('ben', 'signal', { n })
    for (const _ of [2, 3]) socket.deliver(outOfOrder(0))
    await vi.advanceTimersByTimeAsync(200)
    expect(socket.sent.slice(4)).toMatchObject([{ n: 1 }, { n: 2 }, { n: 3 }])
    for (const _ of [2, 3]) socket.deliver(outOfOrder(0))
    expect(socket.sent.slice(7)).toMatchObject([{ type: 'join' }])
    socket.deliver(list(0))
    expect(socket.sent.slice(8)).toMatchObject([{ n: 1 }, { n: 2 }, { n: 3 }])
    for (const _ of [2, 3]) socket.deliver(outOfOrder(0))
    socket.deliver(list(0))
    expect(socket.sent.slice(11)).toMatchObject([{ type: 'join' }, { n: 2, c: 1 }, { n: 3, c: 2 }])
    expect(events).toContainEqual(['refused', expect.objectContaining({ code: 'out-of-order' })])
  })

  it('because the sidecar said `too-fast` are no reason for that', async () => {
    const { signaling, socket, events } = await resumable()
    for (const n of [1, 2]) signaling.relay('ben', 'signal', { n })
    socket.deliver({ type: 'error', code: 'too-fast', message: 'slow down', ca: 0 })
    for (let round = 0; round < 5; round += 1) {
      socket.deliver(outOfOrder(0))
      if (round < 4) socket.deliver({ type: 'error', code: 'too-fast', message: '', ca: 0 })
      await vi.advanceTimersByTimeAsync(1_000)
    }
    expect(socket.sent.filter(({ type }) => type === 'join')).toHaveLength(1)
    expect(events.filter(([name]) => name !== 'refused')).toEqual([])
  })
})

describe('a frame that ended the connection', () => {
  it.each([1009, 1007])(
    'with code %i is never sent again, and what came after it is',
    async (code) => {
      const { signaling, socket, events } = await resumable()
      for (const n of [1, 2, 3]) signaling.relay('ben', 'signal', { n })
      socket.drop(code)
      signaling.relay('ben', 'signal', { n: 4 })
      const next = await nextSocket(RECONNECT_MS)
      next.open()
      next.deliver(resumed(1))
      expect(next.sent.slice(1)).toMatchObject([
        { n: 3, c: 2 },
        { n: 4, c: 3 },
      ])
      const refused = events.filter(([name]) => name === 'refused')
      expect(refused).toMatchObject([
        ['refused', { code: code === 1009 ? 'too-large' : 'bad-json' }],
      ])

      const third = await again(next)
      third.deliver(resumed(1, 'three'))
      expect(third.sent.slice(1)).toMatchObject([{ n: 3 }, { n: 4 }])
    },
  )

  it('was none of ours when all was handled', async () => {
    const { signaling, socket, events } = await resumable()
    signaling.relay('ben', 'signal', { n: 1 })
    socket.drop(1009)
    signaling.relay('ben', 'signal', { n: 2 })
    const next = await nextSocket(RECONNECT_MS)
    next.open()
    next.deliver(resumed(1))
    expect(next.sent.slice(1)).toMatchObject([{ n: 2, c: 2 }])
    expect(events.map(([name]) => name)).toEqual(['resumed'])
  })

  it('is the join, when the room had not answered', async () => {
    const signaling = new SignalingClient({
      ...fakeNetwork,
      room: 'bar',
      name: 'n'.repeat(300_000),
    })
    const events: unknown[] = []
    signaling.addEventListener('left', ({ detail }) => events.push(detail))
    signaling.addEventListener('refused', ({ detail }) => events.push(detail))
    const socket = await nextSocket()
    socket.open()
    socket.drop(1009)
    expect(events).toMatchObject([
      { room: 'bar', why: 'refused' },
      { code: 'too-large', room: 'bar' },
    ])
    const next = await nextSocket(RECONNECT_MS)
    next.open()
    expect(next.sent).toEqual([])
  })
})

it('a join that came too fast is sent again', async () => {
  const signaling = new SignalingClient({ ...fakeNetwork, room: 'bar', peerId: 'ann' })
  const socket = await nextSocket()
  socket.open()
  socket.deliver({ type: 'error', code: 'too-fast', message: 'slow down' })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(socket.sent).toMatchObject([
    { type: 'join' },
    { type: 'join', peerId: 'ann', resume: true },
  ])
  socket.deliver({ type: 'peer_list', peers: [], roomId: 'bar', peerId: 'ann' })
  expect(signaling.joined).toBe(true)
})

it('a session that does not outlive the sidecar any more is told', async () => {
  const { signaling, socket } = await resumable()
  const told: boolean[] = []
  signaling.addEventListener('durable', ({ detail }) => told.push(detail.durable))
  socket.deliver({ type: 'durable', durable: false })
  socket.deliver({ type: 'durable', durable: true })
  expect(told).toEqual([false, true])
})

it('a hole in the numbers is no frame, but a new connection', async () => {
  const { socket, events } = await resumable()
  socket.deliver({ type: 'offer', from: 'ben', n: 2, s: 2 })
  expect(offers(events)).toEqual([])
  expect(await nextSocket(RECONNECT_MS)).not.toBe(socket)
})

describe('a half-open socket', () => {
  it('is noticed by the ping that nobody answers', async () => {
    const { socket } = await resumable()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(FakeWebSocket.made).toHaveLength(1)

    socket.answersPings = false
    await vi.advanceTimersByTimeAsync(15_000)
    expect(await nextSocket(RECONNECT_MS)).not.toBe(socket)
  })

  it.each(['online', 'visibilitychange'])('is looked for at once on %s', async (name) => {
    const page = new FakePage()
    const { socket } = await resumable()
    socket.answersPings = false
    page.dispatchEvent(new Event(name))
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await nextSocket(RECONNECT_MS)).not.toBe(socket)
  })

  it('does not keep a lost one waiting when the network is back', async () => {
    const page = new EventTarget()
    vi.stubGlobal('window', page)
    const { socket } = await resumable()
    socket.drop(1006)
    page.dispatchEvent(new Event('online'))
    expect(await nextSocket(1)).not.toBe(socket)
  })
})

it('a page that was replaced stops, and says so', async () => {
  const { socket, events } = await resumable()
  socket.drop(4001, 'replaced')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(FakeWebSocket.made).toHaveLength(1)
  expect(events).toEqual([['left', { room: 'bar', why: 'replaced' }]])
})

it('a page that was loaded anew asks for its session without a number', async () => {
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

it('a frame of a later release has its place in the order, and a notice is told', async () => {
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
