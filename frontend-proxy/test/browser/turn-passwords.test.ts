import { describe, expect, it, vi } from 'vitest'
import { Mesh } from '../../src/browser/index.ts'
import { pc, useFakeConnections } from './mesh-scene.ts'
import { again, resumable, resumed, ticket } from './resume-scene.ts'

const HALF_A_DAY_MS = 43_200_000

useFakeConnections()

/** Returns a list of peers with a TURN password that is valid for one day from now. */
function list(credential: string) {
  const username = `${Date.now() / 1_000 + 86_400}:ann`
  const turn = { urls: ['turn:turn.example'], username, credential }
  const place = { roomId: 'bar', peerId: 'ann', joinedAt: 9 }
  const numbers = { resume: ticket(`of ${credential}`), s: 0, ca: 0 }
  return { type: 'peer_list', ...place, peers: [], ...numbers, iceServers: [turn] }
}

/** Creates a client in the room `bar`, with a TURN password that is valid for one day. */
async function withPassword() {
  vi.setSystemTime(1_800_000_000_000)
  const room = await resumable()
  room.socket.deliver(list('first'))
  room.socket.sent.length = 0
  room.events.length = 0
  return room
}

describe('a TURN password', () => {
  it('is replaced when half of its time is over, and the page gets no event', async () => {
    const { signaling, socket, events } = await withPassword()
    await vi.advanceTimersByTimeAsync(HALF_A_DAY_MS - 1)
    expect(socket.sent).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    const join = { type: 'join', roomId: 'bar', peerId: 'ann', resume: { token: 'of first' } }
    expect(socket.sent).toMatchObject([join])
    signaling.broadcast({ text: 'before the answer' })
    expect(socket.sent.at(-1)).toMatchObject({ type: 'broadcast', c: 1 })
    socket.deliver(list('second'))
    expect(signaling.iceServers).toMatchObject([{ credential: 'second' }])
    await vi.advanceTimersByTimeAsync(HALF_A_DAY_MS)
    expect(socket.sent.at(-1)).toMatchObject({ type: 'join', resume: { token: 'of second' } })
    expect(events).toEqual([])
  })

  it('is replaced after the return of a page that was away at that time', async () => {
    const { signaling, socket } = await withPassword()
    socket.drop(1006)
    await vi.advanceTimersByTimeAsync(HALF_A_DAY_MS)
    const next = await again(socket)
    next.deliver(resumed(0))
    await vi.advanceTimersByTimeAsync(1)
    expect(next.sent.at(-1)).toMatchObject({ type: 'join', resume: { token: 'two' } })
    next.deliver(list('second'))
    expect(signaling.iceServers).toMatchObject([{ credential: 'second' }])
  })

  it('is requested again after a refusal, and the page stays in its room', async () => {
    const { signaling, socket, events } = await withPassword()
    await vi.advanceTimersByTimeAsync(HALF_A_DAY_MS)
    const ref = socket.sent.at(-1)?.id
    socket.deliver({ type: 'error', code: 'refused-by-hook', message: 'closed', ref })
    expect(signaling.joined).toBe(true)
    expect(events).toEqual([])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(socket.sent.filter(({ type }) => type === 'join')).toHaveLength(2)
  })

  it('is used in the next ICE restart of a connection that is older', async () => {
    const { signaling, socket } = await withPassword()
    new Mesh(signaling, { trace: false })
    socket.deliver({ type: 'peer_joined', peerId: 'cleo', instance: 'c1', s: 1 })
    socket.deliver({ type: 'offer', from: 'cleo', sdp: 'o', link: 'l', s: 2 })
    await vi.advanceTimersByTimeAsync(0)
    pc().become('connected')
    await vi.advanceTimersByTimeAsync(HALF_A_DAY_MS)
    socket.deliver(list('second'))
    expect(pc().configuration).toMatchObject({ iceServers: [{ credential: 'first' }] })
    pc().configuration = { ...pc().configuration, iceTransportPolicy: 'relay' }
    pc().become('failed')
    expect(pc().restarts).toBe(1)
    expect(pc().configuration).toMatchObject({
      iceServers: [{ credential: 'second' }],
      iceTransportPolicy: 'relay',
    })
  })
})
