import { vi } from 'vitest'
import {
  SignalingClient,
  type SignalingEvents,
  type SignalingOptions,
} from '../../src/browser/index.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'

export const RECONNECT_MS = 600

export const ticket = (token: string) => ({ token, graceMs: 30_000, durable: true })

export async function nextSocket(inMs = 0): Promise<FakeWebSocket> {
  await vi.advanceTimersByTimeAsync(inMs)
  const socket = FakeWebSocket.made.at(-1)
  if (socket === undefined) throw new Error('nothing was connected')
  return socket
}

/**
 * Creates a client that has joined the room `bar` with a resumable session. Ben is in the room,
 * too.
 */
export async function resumable(options: SignalingOptions = { peerId: 'ann' }) {
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

/** Closes this WebSocket, and returns the client's next one when that is open. */
export async function again(socket: FakeWebSocket, code = 1006): Promise<FakeWebSocket> {
  socket.drop(code)
  const next = await nextSocket(RECONNECT_MS)
  next.open()
  return next
}

export function offers(events: [string, unknown][]): unknown[] {
  return events
    .filter(([name]) => name === 'offer')
    .map(([, detail]) => (detail as SignalingEvents['offer']).payload)
}

export const resumed = (ca: number, token = 'two') => ({
  type: 'resumed',
  roomId: 'bar',
  peerId: 'ann',
  ca,
  resume: ticket(token),
})
