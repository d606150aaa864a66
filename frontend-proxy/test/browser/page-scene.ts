import { beforeEach, vi } from 'vitest'
import {
  SignalingClient,
  type SignalingEvents,
  type SignalingOptions,
} from '../../src/browser/index.ts'
import { useFakeClock } from './fake-clock.ts'
import { FakePage } from './fake-page.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'

export const FIRST_RETRY_MS = 301
export let page: FakePage
/** The texts that were passed to `console.warn` in this test. */
export let warned: string[]

/** Gives each test of the calling file a fake clock and a new page. */
export function useFakePage(): void {
  useFakeClock()
  beforeEach(() => {
    page = new FakePage()
    warned = []
    vi.spyOn(console, 'warn').mockImplementation((text) => warned.push(text))
    vi.spyOn(console, 'info').mockImplementation(() => {})
  })
}

export function client(options: SignalingOptions = {}): SignalingClient {
  return new SignalingClient({ ...fakeNetwork, room: 'bar', ...options })
}

/** Opens the newest WebSocket after `inMs`, and returns it. */
export async function opened(inMs = 0): Promise<FakeWebSocket> {
  await vi.advanceTimersByTimeAsync(inMs)
  const socket = FakeWebSocket.made.at(-1)
  if (socket === undefined) throw new Error('nothing was connected')
  socket.open()
  return socket
}

export const ticket = (token: string) => ({ token, graceMs: 30_000, durable: true })

export function admit(
  socket: FakeWebSocket,
  token: string,
  peerId = socket.sent.at(-1)?.peerId,
): void {
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

/** Creates a client that has joined. The client's session can be resumed with the token `one`. */
export async function joined(options: SignalingOptions = {}) {
  const signaling = client(options)
  const socket = await opened()
  admit(socket, 'one')
  return { signaling, socket, events: record(signaling) }
}

export function record(signaling: SignalingClient): string[] {
  const events: string[] = []
  const names = ['peer_list', 'resumed', 'renamed', 'left', 'waiting', 'refused'] as const
  for (const name of names) {
    signaling.addEventListener(name, ({ detail }: CustomEvent<SignalingEvents[typeof name]>) => {
      const why = 'why' in detail ? detail.why : 'code' in detail ? detail.code : ''
      events.push(`${name} ${why}`.trim())
    })
  }
  return events
}

export function refuse(socket: FakeWebSocket, code: string): void {
  socket.deliver({ type: 'error', code, message: `it is ${code}`, ref: socket.sent.at(-1)?.id })
}

/** Returns a function whose first call returns the token `1`, the second `2`, and so on. */
export function tokens() {
  let count = 0
  return vi.fn(async () => `${++count}`)
}

export const settled = () => vi.advanceTimersByTimeAsync(0)
export const joins = ({ sent }: FakeWebSocket) => sent.filter(({ type }) => type === 'join')
