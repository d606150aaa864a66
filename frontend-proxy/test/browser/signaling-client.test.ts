import { describe, expect, it, vi } from 'vitest'
import { SignalingClient, type SignalingEvents } from '../../src/browser/index.ts'
import { useFakeClock } from './fake-clock.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'

/**
 * The delay before the first attempt to reconnect is 300 ms. The random part of the delay is 0 in
 * these tests, but its timer takes 1 ms.
 */
const FIRST_RETRY_MS = 301

useFakeClock()

function client(options: ConstructorParameters<typeof SignalingClient>[0] = {}): SignalingClient {
  return new SignalingClient({ ...fakeNetwork, ...options })
}

/** Returns the newest WebSocket after `inMs`. */
async function nextSocket(inMs = 0): Promise<FakeWebSocket> {
  await vi.advanceTimersByTimeAsync(inMs)
  const socket = FakeWebSocket.made.at(-1)
  if (socket === undefined) throw new Error('nothing was connected')
  return socket
}

async function joined(
  room: string,
): Promise<{ signaling: SignalingClient; socket: FakeWebSocket }> {
  const signaling = client({ room })
  const socket = await nextSocket()
  socket.open()
  socket.deliver({ type: 'peer_list', peers: [], roomId: room, peerId: signaling.peerId })
  return { signaling, socket }
}

function record<Name extends keyof SignalingEvents>(signaling: SignalingClient, name: Name) {
  const details: SignalingEvents[Name][] = []
  signaling.addEventListener(name, ({ detail }) => details.push(detail))
  return details
}

describe('joining', () => {
  it('happens only when the app calls it', async () => {
    const signaling = client()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(FakeWebSocket.made).toEqual([])
    expect(signaling.state).toBe('idle')
  })

  it('sends the id as soon as the socket is open', async () => {
    const signaling = client({ room: 'bar', name: 'Ann', metadata: { hat: 1 }, capacity: 4 })
    const socket = await nextSocket()
    expect(socket.url).toBe('ws://sidecar.test/ws/signaling')
    socket.open()
    expect(socket.sent).toEqual([
      {
        type: 'join',
        id: expect.any(String),
        roomId: 'bar',
        peerId: signaling.peerId,
        instance: expect.stringMatching(/^[0-9a-f]{24}$/),
        name: 'Ann',
        metadata: { hat: 1 },
        capacity: 4,
        resume: true,
      },
    ])
  })

  it('takes options that may be undefined, and metadata with the type of an interface', async () => {
    interface Hat {
      colour: string
    }
    const hat: Hat = { colour: 'red' }
    const name: string | undefined = Math.random() > 1 ? 'Ann' : undefined
    client({ room: 'bar', name, token: undefined, metadata: hat })
    const socket = await nextSocket()
    socket.open()
    expect(socket.sent[0]).toMatchObject({ metadata: { colour: 'red' } })
    expect(socket.sent[0]).not.toHaveProperty('name')
  })

  it('is complete when the sidecar has answered', async () => {
    const signaling = client({ room: 'bar' })
    const lists = record(signaling, 'peer_list')
    const socket = await nextSocket()
    socket.open()
    expect(signaling.joined).toBe(false)
    socket.deliver({
      type: 'peer_list',
      peers: [{ peerId: 'b' }],
      iceServers: [{ urls: 'stun:x' }],
    })
    expect(signaling.joined).toBe(true)
    expect(lists).toMatchObject([{ room: 'bar', peers: [{ peerId: 'b' }] }])
    expect(signaling.iceServers).toEqual([{ urls: 'stun:x' }])
  })

  it('another room leaves the first one, whose late frames are ignored', async () => {
    const { signaling, socket } = await joined('bar')
    const lefts = record(signaling, 'left')
    const joins = record(signaling, 'peer_joined')
    signaling.join('pub')
    socket.deliver({ type: 'peer_joined', peerId: 'of-bar' })
    socket.deliver({ type: 'peer_list', peers: [{ peerId: 'of-bar' }], roomId: 'bar' })
    expect(lefts).toEqual([{ room: 'bar', why: 'moved' }])
    expect(joins).toEqual([])
    expect(signaling.joined).toBe(false)
  })

  it('the same room with other options leaves and joins again', async () => {
    const { signaling, socket } = await joined('bar')
    const lefts = record(signaling, 'left')
    signaling.join('bar', { peerId: 'user-1', token: 't' })
    expect(lefts).toEqual([{ room: 'bar', why: 'moved' }])
    expect(socket.sent.slice(1)).toMatchObject([
      { type: 'leave' },
      { type: 'join', roomId: 'bar', peerId: 'user-1', token: 't' },
    ])
    expect(signaling.peerId).toBe('user-1')
  })

  it('the same room with the same options changes nothing', async () => {
    const signaling = client({ room: 'bar', peerId: 'ann' })
    const socket = await nextSocket()
    socket.open()
    signaling.join('bar')
    signaling.join('bar', { peerId: 'ann', capacity: undefined })
    signaling.join('bar', {})
    expect(socket.sent).toHaveLength(1)
    expect(signaling.room).toBe('bar')
  })

  it('the same room with one other option keeps the others', async () => {
    const options = { peerId: 'ann', listed: false, capacity: 4, token: 't' }
    const signaling = client({ room: 'bar', ...options })
    const socket = await nextSocket()
    socket.open()
    signaling.join('bar', { peerId: 'ann' })
    signaling.join('bar', { capacity: 5 })
    signaling.join('bar', { listed: false })
    expect(socket.sent.slice(1)).toMatchObject([
      { type: 'leave' },
      { type: 'join', ...options, capacity: 5 },
    ])
  })

  it('uses the options of the client for those that it leaves out', async () => {
    const options = { peerId: 'ann', listed: false, capacity: 4, token: 't' }
    const signaling = client(options)
    signaling.join('bar')
    const socket = await nextSocket()
    socket.open()
    signaling.join('pub', { capacity: 5 })
    signaling.join('den')
    expect(socket.sent.filter(({ type }) => type === 'join')).toMatchObject([
      { roomId: 'bar', ...options },
      { roomId: 'pub', ...options, capacity: 5 },
      { roomId: 'den', ...options, capacity: 5 },
    ])
  })

  it('functions that return tokens are not compared, because an app may create one for each call', async () => {
    const signaling = client({ room: 'bar', token: () => 't' })
    const socket = await nextSocket()
    socket.open()
    await vi.waitFor(() => expect(socket.sent).toHaveLength(1))
    signaling.join('bar', { token: () => 't' })
    expect(signaling.room).toBe('bar')
    expect(socket.sent).toHaveLength(1)
  })

  it('treats null as an option that is not given', async () => {
    const none = { peerId: null, name: null, metadata: null, capacity: null, listed: null }
    const more = { slot: null, token: null, url: null, WebSocket: null, room: null }
    expect(client({ ...none, ...more, ...fakeNetwork } as object).room).toBeUndefined()
    const signaling = client({ ...none, room: 'bar' } as object)
    const socket = await nextSocket()
    socket.open()
    const { id, instance, peerId, ...frame } = socket.sent[0] ?? {}
    expect(peerId).toMatch(/^[0-9a-f]{24}$/)
    expect(frame).toEqual({ type: 'join', roomId: 'bar', resume: true })
    signaling.join('bar', { ...none, slot: null } as object)
    expect(socket.sent).toHaveLength(1)
    signaling.join('pub', { peerId: null } as object)
    expect(socket.sent.at(-1)?.peerId).toMatch(/^[0-9a-f]{24}$/)
  })

  it('is not tried again after a refusal, not even after a reconnect', async () => {
    const signaling = client({ room: 'bar' })
    const refusals = record(signaling, 'refused')
    const lefts = record(signaling, 'left')
    const socket = await nextSocket()
    socket.open()
    const ref = socket.sent[0]?.id
    socket.deliver({ type: 'error', code: 'room-full', message: "room 'bar' is full", ref })
    expect(refusals).toEqual([{ code: 'room-full', message: "room 'bar' is full", room: 'bar' }])
    expect(lefts).toEqual([{ room: 'bar', why: 'refused' }])

    socket.drop(1012)
    const second = await nextSocket(FIRST_RETRY_MS)
    second.open()
    expect(second.sent).toEqual([])
  })
})

it('the client stays in the room when anything else is refused', async () => {
  const { signaling, socket } = await joined('bar')
  const refusals = record(signaling, 'refused')
  socket.deliver({ type: 'error', code: 'peer-away', message: 'x is away' })
  expect(refusals).toEqual([{ code: 'peer-away', message: 'x is away', room: undefined }])
  expect(signaling.joined).toBe(true)
})

it('the client keeps the list of the other peers up to date', async () => {
  const { signaling, socket } = await joined('bar')
  socket.deliver({ type: 'peer_joined', peerId: 'b', name: 'Bob' })
  socket.deliver({ type: 'peer_joined', peerId: 'c' })
  socket.deliver({ type: 'peer_updated', peerId: 'b', away: true })
  socket.deliver({ type: 'peer_updated', peerId: 'nobody', away: true })
  socket.deliver({ type: 'peer_left', peerId: 'c', reason: 'left' })
  expect([...signaling.peers.values()]).toMatchObject([{ peerId: 'b', name: 'Bob', away: true }])
})

describe('the list of rooms', () => {
  it('can be watched without joining a room, and is watched again after a reconnect', async () => {
    const signaling = client()
    const rooms = record(signaling, 'rooms')
    signaling.watchRooms()
    const socket = await nextSocket()
    socket.open()
    expect(socket.sent).toMatchObject([{ type: 'watch_rooms' }])
    socket.deliver({ type: 'rooms', rooms: [{ roomId: 'bar', peers: 2 }] })
    expect(rooms).toMatchObject([[{ roomId: 'bar', peers: 2 }]])

    socket.drop(1006)
    const second = await nextSocket(FIRST_RETRY_MS)
    second.open()
    expect(second.sent).toMatchObject([{ type: 'watch_rooms' }])
  })

  it('can be watched after leaving a room', async () => {
    const { signaling, socket } = await joined('bar')
    signaling.leave()
    signaling.watchRooms()
    signaling.join('pub')
    expect(socket.sent.slice(1)).toMatchObject([
      { type: 'leave' },
      { type: 'watch_rooms' },
      { type: 'join', roomId: 'pub' },
    ])
    expect(FakeWebSocket.made).toHaveLength(1)
  })
})

describe('a lost connection', () => {
  it.each([1000, 1001, 1005, 1006, 1008, 1012, 1013])(
    'with close code %i is replaced, with the same id and instance',
    async (code) => {
      const { signaling, socket } = await joined('bar')
      const events = record(signaling, 'disconnected')
      const peerId = signaling.peerId
      socket.drop(code)
      expect(events).toMatchObject([{ code, final: false }])
      expect(signaling.room).toBe('bar')
      expect(signaling.joined).toBe(false)

      const second = await nextSocket(FIRST_RETRY_MS)
      expect(second).not.toBe(socket)
      second.open()
      expect(second.sent).toMatchObject([
        { type: 'join', roomId: 'bar', peerId, instance: socket.sent[0]?.instance },
      ])
    },
  )

  it('is retried after growing delays, up to 5 s', async () => {
    const { signaling, socket } = await joined('bar')
    const attempts = record(signaling, 'reconnecting')
    const started: number[] = []
    socket.drop(1006)
    let last = Date.now()
    for (let attempt = 1; attempt <= 9; attempt += 1) {
      while (FakeWebSocket.made.length <= attempt) await vi.advanceTimersByTimeAsync(1)
      started.push(Date.now() - last)
      last = Date.now()
      FakeWebSocket.made.at(-1)?.drop(1006)
    }
    expect(started.slice(0, 4)).toEqual([301, 481, 769, 1229])
    expect(started.at(-1)).toBe(5001)
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('is retried after a random part of the delay, so that not all peers reconnect at once', async () => {
    vi.mocked(Math.random).mockReturnValue(0.5)
    const { socket } = await joined('bar')
    socket.drop(1012)
    await vi.advanceTimersByTimeAsync(499)
    expect(FakeWebSocket.made).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(FakeWebSocket.made).toHaveLength(2)
  })

  it('that never opens is retried after 5 s', async () => {
    const signaling = client({ room: 'bar' })
    const hanging = await nextSocket()
    await vi.advanceTimersByTimeAsync(4_999)
    expect(hanging.readyState).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(hanging.readyState).toBe(3)
    expect(await nextSocket(FIRST_RETRY_MS)).not.toBe(hanging)
    expect(signaling.state).toBe('connecting')
  })

  it('does not keep frames if the sidecar cannot resume sessions', async () => {
    const { signaling, socket } = await joined('bar')
    socket.drop(1006)
    expect(signaling.relay('b', 'signal', { lost: true })).toBe(false)
    expect(signaling.broadcast({ lost: true })).toBe(false)
    const second = await nextSocket(FIRST_RETRY_MS)
    second.open()
    expect(signaling.relay('b', 'signal', { early: true })).toBe(false)
    second.deliver({ type: 'peer_list', peers: [{ peerId: 'b' }] })
    expect(signaling.relay('b', 'signal', { live: true })).toBe(true)
    expect(second.sent.slice(1)).toEqual([{ type: 'signal', to: 'b', live: true }])
  })
})

describe('a client that has left', () => {
  it.each([
    [4001, 'replaced'],
    [4003, 'removed'],
  ])('with close code %i reports that it was %s and does not reconnect', async (code, why) => {
    const { signaling, socket } = await joined('bar')
    const lefts = record(signaling, 'left')
    const events = record(signaling, 'disconnected')
    socket.drop(code, why)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(events).toEqual([{ code, reason: why, final: true }])
    expect(lefts).toEqual([{ room: 'bar', why }])
    expect(FakeWebSocket.made).toHaveLength(1)
    expect(signaling.state).toBe('idle')
  })

  it.each([undefined, 'den'])('may join room %s when it is told of the close', async (room) => {
    const { signaling, socket } = await joined('bar')
    signaling.addEventListener('disconnected', ({ detail }) => detail.final && signaling.join(room))
    const lefts = record(signaling, 'left')
    socket.drop(4003, 'room closed')
    const second = await nextSocket()
    second.open()
    expect(FakeWebSocket.made).toHaveLength(2)
    expect(second.sent).toMatchObject([{ type: 'join', roomId: room ?? 'bar' }])
    expect(lefts).toEqual([{ room: 'bar', why: 'removed' }])
  })

  it('joins only the room that a listener of `left` has joined last', async () => {
    const { signaling, socket } = await joined('bar')
    signaling.addEventListener('left', () => signaling.join('lobby'), { once: true })
    signaling.join('den')
    expect(signaling.room).toBe('lobby')
    expect(socket.sent.slice(1)).toMatchObject([
      { type: 'leave' },
      { type: 'join', roomId: 'lobby' },
    ])
    signaling.join('den')
    signaling.join('lobby')
    expect(signaling.room).toBe('lobby')
  })

  it.each([4001, 4003])('with close code %i still watches the list of rooms', async (code) => {
    const { signaling, socket } = await joined('bar')
    const events = record(signaling, 'disconnected')
    signaling.watchRooms()
    socket.drop(code)
    const second = await nextSocket()
    second.open()
    expect(events).toMatchObject([{ code, final: false }])
    expect(second.sent).toMatchObject([{ type: 'watch_rooms' }])
    expect(signaling.room).toBeUndefined()
  })

  it.each([
    ['removed', 'The peer id is barred for a minute'],
    ['room closed', 'has closed the room. Call join() to create the room again'],
  ])('prints what the admin has done and what helps: %s', async (reason, advice) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { socket } = await joined('bar')
    socket.drop(4003, reason)
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(advice))
  })

  it('prints how it can return after another page has taken over its session', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { socket } = await joined('bar')
    socket.drop(4001, 'replaced')
    const advice = 'Call join() to join again as soon as the other page has left.'
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(advice))
  })

  it('connects again with a join', async () => {
    const { signaling, socket } = await joined('bar')
    socket.drop(4001, 'replaced')
    signaling.join('bar')
    const second = await nextSocket()
    second.open()
    expect(second.sent).toMatchObject([{ type: 'join', roomId: 'bar' }])
    expect(second.sent[0]?.instance).not.toBe(socket.sent[0]?.instance)
  })

  it('with close() does not reconnect', async () => {
    const { signaling, socket } = await joined('bar')
    signaling.close()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(socket.sent.at(-1)).toEqual({ type: 'leave' })
    expect(socket.readyState).toBe(3)
    expect(FakeWebSocket.made).toHaveLength(1)
  })
})

it('an update is sent now and is part of every later join', async () => {
  const { signaling, socket } = await joined('bar')
  signaling.update({ name: 'Ann' })
  expect(socket.sent.at(-1)).toEqual({ type: 'update', name: 'Ann' })
  socket.drop(1006)
  const second = await nextSocket(FIRST_RETRY_MS)
  second.open()
  expect(second.sent).toMatchObject([{ type: 'join', name: 'Ann' }])
})

it('an update that comes too late for the join is sent after the answer', async () => {
  const signaling = new SignalingClient({ ...fakeNetwork, room: 'bar', name: 'A' })
  signaling.addEventListener('connected', () => signaling.update({ name: 'Ann' }))
  const socket = await nextSocket()
  socket.open()
  socket.deliver({ type: 'peer_list', peers: [], roomId: 'bar' })
  expect(socket.sent).toMatchObject([
    { type: 'join', name: 'A' },
    { type: 'update', name: 'Ann' },
  ])
})

it('an update between two joins is sent after the answer, because the sidecar ignores the profile of the second', async () => {
  const signaling = new SignalingClient({ ...fakeNetwork, room: 'bar', name: 'A' })
  const socket = await nextSocket()
  socket.open()
  const [{ id: ref } = {}] = socket.sent
  socket.deliver({ type: 'error', code: 'too-fast', message: 'slow down', ref })
  await vi.advanceTimersByTimeAsync(200)
  signaling.update({ name: 'Ann' })
  await vi.advanceTimersByTimeAsync(800)
  socket.deliver({ type: 'peer_list', peers: [], roomId: 'bar' })
  expect(socket.sent.slice(1)).toMatchObject([
    { type: 'join', name: 'A' },
    { type: 'join', name: 'Ann' },
    { type: 'update', name: 'Ann' },
  ])
})

it('a payload cannot change the other fields of its frame', async () => {
  const { signaling, socket } = await joined('bar')
  signaling.relay('b', 'signal', { type: 'leave', to: 'c' })
  expect(socket.sent.at(-1)).toEqual({
    type: 'signal',
    to: 'b',
    $payload: { type: 'leave', to: 'c' },
  })
})

describe('a client that has found no sidecar', () => {
  async function failing(forMs: number): Promise<void> {
    for (let ms = 0; ms < forMs; ms += 500) {
      FakeWebSocket.made.at(-1)?.drop(1006)
      await vi.advanceTimersByTimeAsync(500)
    }
  }

  it('says what to check after five seconds, and says it once', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    client({ room: 'bar', url: 'ws://nowhere.test/ws/signaling' })
    await nextSocket()
    await failing(4_500)
    expect(warn).not.toHaveBeenCalled()
    await failing(30_000)
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining('no sidecar answers at ws://nowhere')],
    ])
  })

  it.each([
    ['https:', 'ws://blocked.test/ws/signaling', true],
    ['https:', 'wss://same.test/ws/signaling', false],
    ['http:', 'ws://plain.test/ws/signaling', false],
  ])('says that a page with %s may not open %s: %s', async (protocol, url, isBlocked) => {
    vi.stubGlobal('location', { protocol })
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    client({ room: 'bar', url })
    await nextSocket()
    await failing(10_000)
    expect(warn).toHaveBeenCalledOnce()
    expect(String(warn.mock.calls[0]).includes('a URL with wss:')).toBe(isBlocked)
  })

  it('says what to check if another program accepts its WebSockets and sends nothing', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    client({ room: 'bar', url: 'ws://silent.test/ws/signaling' })
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const socket = await nextSocket()
      socket.answersPings = false
      socket.open()
      await vi.advanceTimersByTimeAsync(20_000)
    }
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining('no sidecar answers at ws://silent')],
    ])
  })

  it('says nothing when the sidecar that it had found has gone', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    await joined('bar')
    await failing(30_000)
    expect(warn).not.toHaveBeenCalled()
  })
})
