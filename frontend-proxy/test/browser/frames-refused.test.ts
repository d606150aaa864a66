import { describe, expect, it, vi } from 'vitest'
import { SignalingClient } from '../../src/browser/index.ts'
import { useFakeClock } from './fake-clock.ts'
import { type FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'
import { again, nextSocket, RECONNECT_MS, resumable, resumed, ticket } from './resume-scene.ts'

useFakeClock()

it('when several frames are refused without being counted, they are sent again once', async () => {
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

describe('numbers of the two sides that disagree', () => {
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

  it('lead to a new list after the sidecar has forgotten frames, and continue from that list', async () => {
    const { signaling, socket, events } = await resumable()
    for (const n of [1, 2, 3, 4]) signaling.relay('ben', 'signal', { n })
    socket.deliver({ type: 'ack', ca: 3 })
    const next = await again(socket)
    next.deliver(resumed(1))
    expect(next.sent.slice(1)).toMatchObject([{ type: 'join', resume: { token: 'two' } }])
    expect(next.sent[1]?.resume).not.toHaveProperty('after')
    next.deliver({ type: 'offer', from: 'ben', sdp: 'missed', s: 1 })
    signaling.relay('ben', 'signal', { n: 5 })
    next.deliver(list(1, 1))
    expect(next.sent.slice(2)).toMatchObject([
      { n: 4, c: 2 },
      { n: 5, c: 3 },
    ])
    expect(events.map(([name]) => name)).toEqual(['resumed', 'offer', 'peer_list'])
  })

  it('continue from the numbers in the list after a gap', async () => {
    const { signaling, socket } = await resumable()
    for (const n of [1, 2]) signaling.relay('ben', 'signal', { n })
    socket.deliver({ type: 'ack', ca: 2 })
    const next = await again(socket)
    signaling.relay('ben', 'signal', { n: 3 })
    next.deliver({ type: 'not_resumed', why: 'gap' })
    next.deliver(list(0, 7))
    expect(next.sent.slice(1)).toMatchObject([{ n: 3, c: 1, a: 7 }])
  })

  it.each([0, 9])('lead to a new list, on whatever frame they are noticed (%i)', async (ca) => {
    const { signaling, socket } = await resumable()
    for (const n of [1, 2, 3]) signaling.relay('ben', 'signal', { n })
    socket.deliver({ type: 'ack', ca: 2 })
    socket.deliver({ type: 'signal', from: 'ben', s: 1, ca })
    expect(socket.sent.at(-1)).toMatchObject({ type: 'join', resume: { token: 'one' } })
    socket.deliver(list(ca, 1))
    expect(socket.sent.at(-1)).toMatchObject({ n: 3, c: ca + 1 })
  })

  it('lead to a new list at the second refusal of a frame, and at the third the frame is dropped', async () => {
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

  it('end the session at once if the new list is refused for good', async () => {
    const { signaling, socket, events } = await resumable()
    socket.deliver({ type: 'ack', ca: 9 })
    const { id: ref } = socket.sent.at(-1) ?? {}
    socket.deliver({ type: 'error', code: 'refused-by-hook', message: 'no', ref })
    expect(socket.sent.slice(1)).toMatchObject([{ type: 'join', id: ref }, { type: 'leave' }])
    expect(events.map(([name]) => name)).toEqual(['left', 'refused'])
    signaling.join()
    expect(socket.sent.at(-1)).toMatchObject({ type: 'join', resume: true })
  })

  it('lead neither to a new list nor to a dropped frame if the reason was `too-fast`', async () => {
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

describe('a frame that made the sidecar close the connection', () => {
  it.each([1009, 1007])(
    'with code %i is never sent again, but the frames after it are',
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

  it('cannot be ours if all our frames were handled', async () => {
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

  it('is the join if the sidecar had not answered it', async () => {
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

it('a join that was refused as too fast is sent again', async () => {
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

describe('while the sidecar ignores frames because there are too many', () => {
  const tooFast = { type: 'error', code: 'too-fast', message: 'slow down', ca: 0 }
  const sentBy = (socket: FakeWebSocket) =>
    socket.sent.map(({ type }) => type).filter((type) => type !== 'ping')

  it('a client that moves to another room sends its join again', async () => {
    const { signaling, socket } = await resumable()
    socket.deliver(tooFast)
    await vi.advanceTimersByTimeAsync(300)
    signaling.join('den')
    await vi.advanceTimersByTimeAsync(700)
    expect(sentBy(socket)).toEqual(['join', 'leave', 'join', 'join'])
    expect(socket.sent.at(-1)).toMatchObject({ roomId: 'den' })
  })

  it('a client that leaves its room and joins it again leaves again before it joins', async () => {
    const { signaling, socket } = await resumable()
    socket.deliver(tooFast)
    signaling.join('bar', { capacity: 3 })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sentBy(socket)).toEqual(['join', 'leave', 'join', 'leave', 'join'])
    socket.deliver({ type: 'peer_list', peers: [], roomId: 'bar', peerId: 'ann' })
    socket.deliver(tooFast)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sentBy(socket)).toHaveLength(5)
  })

  it('a client that has left and joined again does not leave when it resumes its session', async () => {
    const { signaling, socket } = await resumable()
    signaling.join('bar', { capacity: 3 })
    const list = { type: 'peer_list', peers: [], roomId: 'bar', peerId: 'ann' }
    socket.deliver({ ...list, resume: ticket('two'), ca: 0, s: 0 })
    const next = await again(socket)
    next.deliver(tooFast)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sentBy(next)).toEqual(['join', 'join'])
  })

  it('a client that leaves its room sends its `leave` once more', async () => {
    const { signaling, socket } = await resumable()
    socket.deliver(tooFast)
    signaling.leave()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sentBy(socket)).toEqual(['join', 'leave', 'leave'])
    socket.deliver(tooFast)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sentBy(socket)).toHaveLength(3)
  })

  it('a client asks again for the list of rooms until it gets the list', async () => {
    const { signaling, socket } = await resumable()
    socket.deliver(tooFast)
    signaling.watchRooms()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sentBy(socket)).toEqual(['join', 'watch_rooms', 'watch_rooms'])
    socket.deliver({ type: 'rooms', rooms: [] })
    socket.deliver(tooFast)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sentBy(socket)).toHaveLength(3)
  })

  it('a client that no longer watches the list of rooms sends its `unwatch_rooms` once more', async () => {
    const { signaling, socket } = await resumable()
    signaling.watchRooms()
    socket.deliver({ type: 'rooms', rooms: [] })
    socket.deliver(tooFast)
    signaling.unwatchRooms()
    await vi.advanceTimersByTimeAsync(1_000)
    const sent = ['join', 'watch_rooms', 'unwatch_rooms', 'unwatch_rooms']
    expect(sentBy(socket)).toEqual(sent)
    signaling.watchRooms()
    socket.deliver({ type: 'rooms', rooms: [] })
    socket.deliver(tooFast)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sentBy(socket)).toEqual([...sent, 'watch_rooms'])
  })

  it('a client whose `unwatch_rooms` waits for the answer to its join sends it after the answer', async () => {
    const { signaling, socket } = await resumable()
    signaling.watchRooms()
    signaling.join('den')
    signaling.unwatchRooms()
    socket.deliver(tooFast)
    await vi.advanceTimersByTimeAsync(1_000)
    socket.deliver({ type: 'peer_list', peers: [], roomId: 'den', peerId: 'ann' })
    expect(sentBy(socket).at(-1)).toBe('unwatch_rooms')
  })
})
