import { expect, it, vi } from 'vitest'
import { useFakeClock } from './fake-clock.ts'
import { FakeWebSocket } from './fake-web-socket.ts'

useFakeClock()

/** Is a fake WebSocket with the properties that a page uses instead of `addEventListener`. */
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

it('a page connects again only when it has something to report', async () => {
  vi.stubGlobal('location', new URL('http://localhost:5173/'))
  vi.stubGlobal('WebSocket', PageWebSocket)
  vi.stubGlobal(
    'RTCPeerConnection',
    class extends EventTarget {
      readonly connectionState = 'new'
      getConfiguration = () => ({})
      getSenders = () => []
      close(): void {}
    },
  )
  await import('../../src/trace/page.ts')
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
