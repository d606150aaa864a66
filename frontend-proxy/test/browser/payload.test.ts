import { describe, expect, it, vi } from 'vitest'
import {
  type RelayedFrame,
  SignalingClient,
  type SignalingEvents,
} from '../../src/browser/index.ts'
import { useFakeClock } from './fake-clock.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'
import { nextSocket, RECONNECT_MS, resumed, ticket } from './resume-scene.ts'

useFakeClock()

/** Creates a client that has joined at a sidecar that accepts frames of up to 1,000 bytes. */
async function member(limits: object = { frameBytes: 1_000 }) {
  const signaling = new SignalingClient({ ...fakeNetwork, room: 'bar', peerId: 'ann' })
  await vi.advanceTimersByTimeAsync(0)
  const socket = FakeWebSocket.made.at(-1)
  if (socket === undefined) throw new Error('nothing was connected')
  socket.open()
  const resume = { token: 'one', graceMs: 30_000, durable: true }
  socket.deliver({ type: 'peer_list', peers: [], roomId: 'bar', peerId: 'ann', resume, limits })
  const refused: SignalingEvents['refused'][] = []
  signaling.addEventListener('refused', ({ detail }) => refused.push(detail))
  const received: RelayedFrame[] = []
  for (const kind of ['broadcast', 'signal', 'offer'] as const) {
    signaling.addEventListener(kind, ({ detail }) => received.push(detail))
  }
  return { signaling, socket, refused, received }
}

function nested(levels: number): object {
  let inner: object = {}
  for (let level = 1; level < levels; level += 1) inner = level % 2 ? [inner] : { inner }
  return { inner }
}

describe('a payload', () => {
  it.each([
    { from: 12, to: 28 },
    { type: 'offer', sdp: 'v=0' },
    { s: 1, a: 2, c: 3, ca: 4, resume: true, id: 'x' },
    { $payload: { $payload: 1 } },
    { $payload: 5, from: { from: 6 } },
    JSON.parse('{"__proto__": 1, "from": 2, "constructor": 3}'),
    { text: '"from":1\\', '': null, list: [1, [2]] },
  ])('of %j arrives unchanged', async (payload) => {
    const { signaling, socket, received } = await member()
    expect(signaling.broadcast(payload)).toBe(true)
    const sent = socket.sent.at(-1)
    expect(sent).toMatchObject({ type: 'broadcast', c: 1, a: 0 })
    for (const name of ['from', 's', 'ca', 'resume']) expect(sent).not.toHaveProperty(name)
    const { c: _c, a: _a, ...relayed } = sent ?? {}
    socket.deliver({ ...relayed, from: 'ben', s: 1 })
    expect(received).toEqual([{ type: 'broadcast', from: 'ben', payload, s: 1 }])
    expect(JSON.stringify(received[0]?.payload).length).toBe(JSON.stringify(payload).length)
  })

  it('is what its method toJSON returns, as for an RTCSessionDescription', async () => {
    const { signaling, socket, received } = await member()
    class Description {
      get sdp() {
        return 'v=0'
      }
      toJSON() {
        return { type: 'offer', sdp: this.sdp }
      }
    }
    signaling.relay('ben', 'offer', new Description())
    socket.deliver({ ...socket.sent.at(-1), from: 'ben' })
    expect(received[0]?.payload).toMatchObject({ type: 'offer', sdp: 'v=0' })
  })

  it('with half of a surrogate pair is sent as well-formed text', async () => {
    const { signaling, socket } = await member()
    const half = '😀'.slice(0, 1)
    signaling.broadcast({
      [half]: `a${half}b`,
      whole: '😀',
      written: '\\ud83d',
      low: '😀'.slice(1),
    })
    expect(socket.sent.at(-1)).toMatchObject({
      '\ufffd': 'a\ufffdb',
      whole: '😀',
      written: '\\ud83d',
      low: '\ufffd',
    })
    signaling.update({ name: half })
    expect(socket.sent.at(-1)).toMatchObject({ type: 'update', name: '\ufffd' })
  })

  it.each([3_000, 100_000])('with %i levels is refused by the call', async (levels) => {
    const { signaling, socket, refused } = await member({ frameBytes: 10_000_000 })
    const before = socket.sent.length
    expect(signaling.broadcast(nested(levels))).toBe(false)
    expect(signaling.relay('ben', 'signal', nested(levels))).toBe(false)
    expect(socket.sent).toHaveLength(before)
    expect(refused.map(({ code }) => code)).toEqual(['bad-json', 'bad-json'])
    expect(signaling.broadcast(nested(199))).toBe(true)
  })

  it('that JSON cannot represent throws, and nothing is sent or kept', async () => {
    const { signaling, socket } = await member()
    const circular: Record<string, unknown> = {}
    circular.self = circular
    const noObjects = [[1], 'text', 5, new Date(), () => 1] as object[]
    for (const payload of [{ n: 1n }, circular, ...noObjects]) {
      expect(() => signaling.broadcast(payload)).toThrow(TypeError)
      expect(() => signaling.relay('ben', 'signal', payload)).toThrow(TypeError)
      expect(() => signaling.update({ metadata: payload as Record<string, unknown> })).toThrow(
        TypeError,
      )
    }
    expect(() => new SignalingClient({ ...fakeNetwork, room: 'bar', metadata: circular })).toThrow(
      TypeError,
    )
    expect(() => signaling.broadcast((() => 1) as object)).toThrow('but this one is null in JSON')
    signaling.broadcast({ gone: undefined, n: Number.NaN })
    expect(socket.sent.slice(1)).toEqual([{ type: 'broadcast', n: null, c: 1, a: 0 }])
  })
})

describe('an id that is not a string', () => {
  it.each([
    ['room', () => new SignalingClient({ ...fakeNetwork, room: 7 as unknown as string })],
    [
      'peerId',
      () => new SignalingClient({ ...fakeNetwork, room: 'bar', peerId: 7 as unknown as string }),
    ],
  ])('is an error that names it: %s', (what, create) => {
    expect(create).toThrow(`${what} must be a string, but its type is number`)
  })

  it('is not accepted as a receiver either', async () => {
    const { signaling } = await member()
    const to = 7 as unknown as string
    expect(() => signaling.relay(to, 'signal')).toThrow(
      'to must be a string, but its type is number',
    )
  })
})

describe("a frame that is larger than the sidecar's limit", () => {
  it('is refused without being sent, and the next one is sent', async () => {
    const { signaling, socket, refused } = await member()
    expect(signaling.relay('ben', 'offer', { sdp: 'x'.repeat(1_000) })).toBe(false)
    expect(signaling.broadcast({ text: 'é'.repeat(480) })).toBe(false)
    expect(refused).toMatchObject([
      { code: 'too-large', room: undefined },
      { code: 'too-large', room: undefined },
    ])
    expect(refused[0]?.message).toContain('1000 bytes')
    expect(signaling.relay('ben', 'offer', { sdp: 'x'.repeat(800) })).toBe(true)
    expect(socket.sent.slice(1)).toMatchObject([{ type: 'offer', c: 1 }])
  })

  it.each([
    ['sent', 2_000, ['join', 'broadcast', 'signal'], []],
    ['refused', 1_000, ['join', 'signal'], ['too-large']],
  ])('is %s after a resume if the limit is then %i', async (_, frameBytes, types, codes) => {
    for (const isBefore of [true, false]) {
      const { signaling, socket, refused } = await member()
      const sendBoth = () => {
        expect(signaling.broadcast({ text: 'x'.repeat(1_000) })).toBe(true)
        expect(signaling.relay('ben', 'signal')).toBe(true)
      }
      socket.drop(1006)
      if (isBefore) sendBoth()
      const next = await nextSocket(RECONNECT_MS)
      next.open()
      next.deliver(resumed(0))
      if (!isBefore) sendBoth()
      const list = { type: 'peer_list', peers: [], roomId: 'bar', peerId: 'ann', s: 0, ca: 0 }
      next.deliver({ ...list, resume: ticket('three'), limits: { frameBytes } })
      expect(next.sent.slice(1).map(({ type }) => type)).toEqual(types)
      expect(refused.map(({ code }) => code)).toEqual(codes)
      expect(signaling.broadcast({ text: 'x'.repeat(2_000) })).toBe(false)
      signaling.close()
    }
  })

  it('is sent if the sidecar has told no limit', async () => {
    const { signaling } = await member({})
    expect(signaling.broadcast({ text: 'x'.repeat(500_000) })).toBe(true)
  })
})

it('a profile that the sidecar would refuse is refused, and is not used in later joins', async () => {
  const { signaling, socket, refused } = await member()
  signaling.update({ name: 'Ann', metadata: { hat: 1 } })
  signaling.update({ metadata: { pad: 'p'.repeat(5_000) } })
  signaling.update({ name: 'n'.repeat(129) })
  signaling.update({ name: '\u001b[31m' })
  signaling.update({ name: 5 as unknown as string })
  signaling.update({ metadata: { hat: 2 }, type: 'leave' } as object)
  expect(refused.map(({ code }) => code)).toEqual([
    'too-large',
    'too-large',
    'bad-field',
    'bad-field',
  ])
  expect(socket.sent.slice(1)).toMatchObject([
    { type: 'update', name: 'Ann', metadata: { hat: 1 } },
    { type: 'update', metadata: { hat: 2 } },
  ])
  signaling.join('den')
  expect(socket.sent.at(-1)).toMatchObject({ type: 'join', name: 'Ann', metadata: { hat: 2 } })
})

it('a room name with half of a surrogate pair is joined in its well-formed form', async () => {
  const signaling = new SignalingClient({ ...fakeNetwork, room: 'bar😀'.slice(0, 4) })
  await vi.advanceTimersByTimeAsync(0)
  const socket = FakeWebSocket.made.at(-1)
  socket?.open()
  const { roomId, peerId } = socket?.sent[0] ?? {}
  socket?.deliver({ type: 'peer_list', peers: [], roomId, peerId })
  expect([signaling.room, signaling.joined]).toEqual(['bar\ufffd', true])
})
