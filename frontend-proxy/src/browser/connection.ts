/**
 * The WebSocket to the sidecar: made again whenever it is lost, until one of the two sides ends it
 * for good.
 *
 * 1. Only the codes in `FINAL` end it from outside. A close code 1000 is no goodbye: partysocket
 *    reports it for every connect that fails, and so do proxies that go away.
 * 2. Nothing is queued: what cannot be sent now is told to the caller. partysocket would send its
 *    queue before we hear that the socket is open, so before the room is joined again.
 */

import ReconnectingWebSocket from 'partysocket/ws'
import { sayOnce, whyNotHere } from './default-url.ts'
import { jsonText } from './json-text.ts'

// A page should be back soon after its sidecar is: this is a development tool on the same machine
// or LAN, so waits are short, and still a sidecar that is down for a day is asked 12 times a minute.
const FIRST_RETRY_MS = 300
const LONGEST_RETRY_MS = 5_000
const RETRY_GROWTH = 1.6
/** Added at random to each wait, so that the pages of a room do not all come at once. */
const JITTER_MS = 400
/** An upgrade that no proxy rule matches hangs for ever in Vite: it neither opens nor fails. */
const CONNECT_TIMEOUT_MS = 5_000
/** A connection that lived shorter than this did not work: the waits go on growing. */
const STABLE_AFTER_MS = 5_000

// A half-open socket looks open for ever, and a phone that was asleep has one. The sidecar's own
// pings keep proxies from forgetting an idle socket, so this needs only be soon enough for people.
const PING_EVERY_MS = 10_000
const PONG_WITHIN_MS = 5_000

/** Why the sidecar ended the connection for good. */
export type Dismissal = 'replaced' | 'removed'

const FINAL: ReadonlyMap<number, Dismissal> = new Map([
  [4001, 'replaced'], // a newer page has this peer id now: coming back would only take it in turns
  [4003, 'removed'], // by the admin; the id is barred for a while
])

export interface ConnectionListener {
  opened(): void
  received(data: unknown): void
  /** It was open and is not now. It is made again, unless there is a `dismissal`. */
  lost(code: number, reason: string, dismissal: Dismissal | undefined): void
  /** The `attempt`th try, from 1, to make it again begins. */
  retrying(attempt: number): void
}

/** A socket that is open and that nobody listens to any more. */
export interface OpenSocket {
  send(frame: object): void
  close(): void
}

export class Connection {
  readonly #url: () => string | undefined
  readonly #listener: ConnectionListener
  readonly #webSocket: typeof WebSocket | undefined
  #socket: ReconnectingWebSocket | undefined
  #open = false
  #pingTimer: ReturnType<typeof setTimeout> | undefined
  #events: AbortController | undefined

  constructor(
    url: () => string | undefined,
    listener: ConnectionListener,
    webSocket: typeof WebSocket | undefined,
  ) {
    this.#url = url
    this.#listener = listener
    this.#webSocket = webSocket
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** It is open, or will be as soon as it can be made. */
  get isWanted(): boolean {
    return this.#socket !== undefined
  }

  /** Connects, unless it does so already, or could only do so in vain. */
  start(): void {
    if (this.#socket !== undefined) return
    const why = whyNotHere(this.#url(), this.#webSocket)
    if (why !== undefined) {
      sayOnce(why)
      return
    }
    const socket: ReconnectingWebSocket = new ReconnectingWebSocket(
      () => this.#nextUrl(),
      undefined,
      {
        WebSocket: this.#webSocket,
        minReconnectionDelay: FIRST_RETRY_MS,
        maxReconnectionDelay: LONGEST_RETRY_MS,
        reconnectionDelayGrowFactor: RETRY_GROWTH,
        connectionTimeout: CONNECT_TIMEOUT_MS,
        minUptime: STABLE_AFTER_MS,
        maxEnqueuedMessages: 0,
        shouldReconnectOnClose: ({ code }) => this.#socket === socket && !FINAL.has(code),
      },
    )
    this.#socket = socket
    this.#events = new AbortController()
    const { signal } = this.#events
    const opened = () => {
      this.#open = true
      this.#pingLater()
      this.#listener.opened()
    }
    const received = ({ data }: MessageEvent) => {
      this.#pingLater()
      this.#listener.received(data)
    }
    socket.addEventListener('open', opened, { signal })
    socket.addEventListener('message', received, { signal })
    socket.addEventListener('close', ({ code, reason }) => this.#closed(code, reason), { signal })
    globalThis.window?.addEventListener('online', () => this.check(), { signal })
    globalThis.document?.addEventListener('visibilitychange', () => this.check(), { signal })
  }

  /** The network may be another one, or back: look now, not at the next ping or the next try. */
  check(): void {
    if (globalThis.document?.visibilityState === 'hidden') return
    if (this.#open) {
      this.#ping()
      return
    }
    this.release() // partysocket goes on waiting for its next try, whatever it is told
    this.start()
  }

  /** Makes the connection anew: this one cannot be trusted. */
  reconnect(): void {
    this.#socket?.reconnect()
  }

  /** False when it was not open: then nothing was sent, and nothing will be. */
  send(frame: object): boolean {
    return this.#open && this.#socket?.send(jsonText(frame) ?? '') === true
  }

  /** Ends it for good; `start` makes a new one. If it is open, its socket is the caller's to close. */
  release(): OpenSocket | undefined {
    const [socket, wasOpen] = [this.#socket, this.#open]
    this.#forget()
    this.#open = false
    if (!wasOpen) socket?.close()
    if (!wasOpen || socket === undefined) return undefined
    return { send: (frame) => socket.send(JSON.stringify(frame)), close: () => socket.close() }
  }

  #forget(): void {
    this.#socket = undefined
    this.#events?.abort()
    clearTimeout(this.#pingTimer)
  }

  #pingLater(): void {
    clearTimeout(this.#pingTimer)
    this.#pingTimer = setTimeout(() => this.#ping(), PING_EVERY_MS)
  }

  #ping(): void {
    clearTimeout(this.#pingTimer)
    this.#pingTimer = setTimeout(() => this.reconnect(), PONG_WITHIN_MS)
    this.send({ type: 'ping' })
  }

  #closed(code: number, reason: string): void {
    const wasOpen = this.#open
    this.#open = false
    clearTimeout(this.#pingTimer)
    const dismissal = FINAL.get(code)
    if (dismissal !== undefined) this.#forget()
    if (wasOpen) this.#listener.lost(code, reason, dismissal)
  }

  async #nextUrl(): Promise<string> {
    const attempt = this.#socket?.retryCount ?? 0
    if (attempt > 0) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * JITTER_MS))
      this.#listener.retrying(attempt)
    }
    return this.#url() ?? ''
  }
}
