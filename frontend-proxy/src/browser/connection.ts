/**
 * Keeps a WebSocket connection to the sidecar. Reconnects until the client calls `release`, or
 * until the sidecar closes the connection with a final close code.
 *
 * 1. Only the close codes in `FINAL` are final. The code 1000 is not final: partysocket reports it
 *    for every failed attempt to connect, and a proxy sends it when it stops.
 * 2. No frame is queued: `send` returns false while the connection is not open. partysocket can
 *    queue frames, but it would send them before the client has joined its room again.
 */

import ReconnectingWebSocket from 'partysocket/ws'
import { adviseOnNoAnswer } from './console-advice.ts'
import { warnOnce, whyNoConnection } from './default-url.ts'
import { jsonText } from './json-text.ts'

// The delays are short: the sidecar runs on the same machine or LAN, and a page should reconnect
// soon after a restart of the sidecar. While the sidecar is down, each page tries to connect at
// most 12 times per minute.
const FIRST_RETRY_MS = 300
const LONGEST_RETRY_MS = 5_000
const RETRY_GROWTH = 1.6
/**
 * The maximum random part of each delay, so that the pages of a room do not all reconnect at once.
 */
const JITTER_MS = 400
/**
 * How long an attempt to connect may take. (If no proxy rule matches the URL, Vite never answers,
 * so the WebSocket neither opens nor fails.)
 */
const CONNECT_TIMEOUT_MS = 5_000
/** Advice is printed only after this time, because the sidecar may still be starting. */
const ADVISE_AFTER_MS = 5_000
/** How long a connection must stay open until the delay between attempts is reset. */
const STABLE_AFTER_MS = 5_000

// Pings detect a half-open connection, which looks open although nothing arrives any more, as on a
// phone that was asleep. The sidecar's own pings keep proxies from closing an idle connection, so
// this interval only decides how soon the client detects that the connection is lost.
const PING_EVERY_MS = 10_000
const PONG_WITHIN_MS = 5_000

/** Why the sidecar closed the connection with a final code. */
export type Dismissal = 'replaced' | 'removed'

const FINAL: ReadonlyMap<number, Dismissal> = new Map([
  // Another page has joined with this peer id. If both pages reconnected, they would replace each
  // other again and again.
  [4001, 'replaced'],
  [4003, 'removed'], // The sidecar's admin removed the peer, and its id is barred for a minute.
])

/**
 * The constructor of a WebSocket class, such as that of the browser or of the npm package `ws`. Its
 * sockets must have the events of a browser's WebSocket.
 */
export type WebSocketClass = new (
  url: string,
  protocols?: string | string[],
) => {
  readonly readyState: number
  send(data: string): void
  close(code?: number, reason?: string): void
}

export interface ConnectionListener {
  /**
   * Is called before each attempt to connect. Returns false if no connection is needed, and rejects
   * if the client should try again later.
   */
  prepare(): Promise<boolean>
  opened(): void
  received(data: unknown): void
  /**
   * Is called when an open connection was closed. After a final close code, `dismissal` is the
   * reason, and the client does not reconnect.
   */
  lost(code: number, reason: string, dismissal: Dismissal | undefined): void
  /** Is called when an attempt to reconnect begins. The first `attempt` is 1. */
  retrying(attempt: number): void
}

/** An open WebSocket that the client no longer listens to. */
export interface OpenSocket {
  send(frame: object): void
  close(): void
}

export class Connection {
  readonly #url: () => string | undefined
  readonly #listener: ConnectionListener
  readonly #webSocket: WebSocketClass | undefined
  #socket: ReconnectingWebSocket | undefined
  #open = false
  /** Whether a frame has ever arrived. Another program may accept a WebSocket and then send nothing. */
  #hasEverReceived = false
  #heardAt = 0
  #firstAttempt: number | undefined
  #pingTimer: ReturnType<typeof setTimeout> | undefined
  #events: AbortController | undefined

  constructor(
    url: () => string | undefined,
    listener: ConnectionListener,
    webSocket: WebSocketClass | undefined,
  ) {
    this.#url = url
    this.#listener = listener
    this.#webSocket = webSocket
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** When the last frame arrived, or the last connection was opened (ms since the epoch). */
  get heardAt(): number {
    return this.#heardAt
  }

  /** Whether the connection is open, or the client is trying to connect. */
  get isWanted(): boolean {
    return this.#socket !== undefined
  }

  /**
   * Starts to connect, unless the connection is open or is being opened. Prints a warning if this
   * page cannot connect.
   */
  start(): void {
    if (this.#socket !== undefined) return
    const why = whyNoConnection(this.#url(), this.#webSocket)
    if (why !== undefined) {
      warnOnce(why)
      return
    }
    const socket: ReconnectingWebSocket = new ReconnectingWebSocket(
      () => this.#nextUrl(socket),
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
      this.#heard()
      this.#listener.opened()
    }
    const received = ({ data }: MessageEvent) => {
      this.#hasEverReceived = true
      this.#heard()
      this.#listener.received(data)
    }
    socket.addEventListener('open', opened, { signal })
    socket.addEventListener('message', received, { signal })
    socket.addEventListener('close', ({ code, reason }) => this.#closed(code, reason), { signal })
    globalThis.window?.addEventListener('online', () => this.check(), { signal })
    const seen = () => globalThis.document?.visibilityState !== 'hidden' && this.check()
    globalThis.document?.addEventListener('visibilitychange', seen, { signal })
  }

  /**
   * Sends a ping if the connection is open, and otherwise tries to connect at once. Must be called
   * when the network is back or the page becomes visible. Timers alone would be too slow for that:
   * the browser delays the timers of a hidden page by up to a minute.
   */
  check(): void {
    if (this.#open) {
      this.#ping()
      return
    }
    // partysocket cannot shorten the delay before its next attempt, so another
    // ReconnectingWebSocket is created.
    this.release()
    this.start()
  }

  /** Closes the connection and opens another one. */
  reconnect(): void {
    this.#socket?.reconnect()
  }

  /** Sends a frame. Returns false, and drops the frame, if the connection is not open. */
  send(frame: object): boolean {
    return this.#open && this.#socket?.send(jsonText(frame) ?? '') === true
  }

  /**
   * Stops reconnecting, and removes all listeners. If the WebSocket is open, returns it, and the
   * caller must close it. `start` may be called again.
   */
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

  #heard(): void {
    this.#heardAt = Date.now()
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

  async #nextUrl(socket: ReconnectingWebSocket): Promise<string> {
    const attempt = socket.retryCount
    if (attempt > 0) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * JITTER_MS))
      if (this.#socket === socket) this.#listener.retrying(attempt)
    }
    // If `release` was called during the delay, partysocket ignores the URL and does not connect.
    if (this.#socket !== socket) return ''
    const isNeeded = await this.#listener.prepare()
    if (!isNeeded && this.#socket === socket) this.release()
    const url = this.#url() ?? ''
    if (this.#socket === socket) this.#adviseIfInVain(url)
    return url
  }

  #adviseIfInVain(url: string): void {
    const now = performance.now()
    this.#firstAttempt ??= now
    if (!this.#hasEverReceived && now - this.#firstAttempt >= ADVISE_AFTER_MS) adviseOnNoAnswer(url)
  }
}
