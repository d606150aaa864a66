import type { SignalingOptions } from '../../src/browser/index.ts'

export class FakeWebSocket extends EventTarget {
  static made: FakeWebSocket[] = []
  readyState = 0
  readonly sent: Record<string, unknown>[] = []
  /** `false` simulates a half-open connection, on which no answers arrive. */
  answersPings = true

  constructor(readonly url: string) {
    super()
    FakeWebSocket.made.push(this)
  }

  send(text: string): void {
    const frame = JSON.parse(text)
    if (frame.type !== 'ping') this.sent.push(frame)
    else if (this.answersPings) this.deliver({ type: 'pong' })
  }

  close(): void {
    this.readyState = 3
  }

  open(): void {
    this.readyState = 1
    this.dispatchEvent(new Event('open'))
  }

  deliver(frame: unknown): void {
    const data = typeof frame === 'string' ? frame : JSON.stringify(frame)
    this.dispatchEvent(new MessageEvent('message', { data }))
  }

  drop(code: number, reason = ''): void {
    this.readyState = 3
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }))
  }
}

/** The options with which a client uses `FakeWebSocket`. */
export const fakeNetwork = {
  url: 'ws://sidecar.test/ws/signaling',
  WebSocket: FakeWebSocket,
} satisfies SignalingOptions
