import { expect, it, vi } from 'vitest'
import { useFakeClock } from './fake-clock.ts'
import { FakeWebSocket } from './fake-web-socket.ts'

useFakeClock()

/** The sidecar's setting `max_frames_burst`. The sidecar refuses further frames. */
const MAX_FRAMES_BURST = 500

/** A fake WebSocket that also calls `onopen` and `onclose`, as the WebSocket of a browser does. */
class PageWebSocket extends FakeWebSocket {
  static readonly OPEN = 1
  onopen: () => void = () => {}
  onclose: (event: Event) => void = () => {}

  constructor(url: string) {
    super(url)
    this.addEventListener('open', () => this.onopen())
    this.addEventListener('close', (event) => this.onclose(event))
  }
}

/** Opens a page whose first WebSocket is at `FakeWebSocket.made[0]` as soon as the page has reported something. */
async function openPage(): Promise<void> {
  vi.resetModules()
  FakeWebSocket.made = []
  vi.stubGlobal('location', new URL('http://localhost:5173/'))
  vi.stubGlobal('WebSocket', PageWebSocket)
  vi.stubGlobal(
    'RTCPeerConnection',
    class extends EventTarget {
      connectionState = 'new'
      getConfiguration = () => ({})
      getSenders = () => []
      getStats = async () => new Map()
      close(): void {}
    },
  )
  await import('../../src/trace/page.ts')
}

/** Creates an RTCPeerConnection that is connected. */
function connected(): RTCPeerConnection {
  const pc = Object.assign(new RTCPeerConnection(), { connectionState: 'connected' as const })
  pc.dispatchEvent(new Event('connectionstatechange'))
  return pc
}

it('a page connects again only when it has something to report', async () => {
  await openPage()
  const pc = new RTCPeerConnection()
  await vi.advanceTimersByTimeAsync(0)
  FakeWebSocket.made[0]?.open()
  expect(FakeWebSocket.made[0]?.sent.map(({ event }) => event)).toEqual(['page', 'opened', 'state'])

  FakeWebSocket.made[0]?.drop(1012)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(FakeWebSocket.made).toHaveLength(1)

  pc.close()
  expect(FakeWebSocket.made).toHaveLength(2)
  FakeWebSocket.made[1]?.open()
  expect(FakeWebSocket.made[1]?.sent.map(({ event }) => event)).toEqual(['closed'])
})

it('while the sidecar is away, only the newest statistics of a connection are kept', async () => {
  await openPage()
  const [one, other] = [connected(), connected()]
  await vi.advanceTimersByTimeAsync(3_600_000)
  FakeWebSocket.made[0]?.open()
  const events = FakeWebSocket.made[0]?.sent.map(({ event }) => event) ?? []
  expect(events.filter((event) => event === 'stats')).toHaveLength(2)
  expect(events).toContain('page')
  expect(events.filter((event) => event === 'opened')).toHaveLength(2)
  for (const pc of [one, other]) pc.close()
})

it('sends no more reports at once than the sidecar accepts, and the newest ones', async () => {
  await openPage()
  const connections = Array.from({ length: MAX_FRAMES_BURST }, () => new RTCPeerConnection())
  await vi.advanceTimersByTimeAsync(0)
  for (const pc of connections) pc.close()
  FakeWebSocket.made[0]?.open()
  const events = FakeWebSocket.made[0]?.sent.map(({ event }) => event) ?? []
  expect(events.length).toBeLessThan(MAX_FRAMES_BURST)
  expect(new Set(events.slice(-300))).toEqual(new Set(['closed']))
})
