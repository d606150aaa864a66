import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProxyOptions } from 'vite'
import { introduce, reportRefusals, type ViteProxy } from './introduction.ts'
import { hostOf } from './page-host.ts'
import type { Upstream } from './upstream.ts'

export const SIGNALING_PATH = '/ws/signaling'

/** The header that proves to the sidecar that a request came through this proxy. Node uses lower case. */
const PROXY_HEADER = 'x-signaling-proxy'

/** Where the answer is written: the response of a request, or the socket of an upgrade. */
type Answer = ServerResponse | Socket

/**
 * The target while there is no sidecar. Nobody can listen at this address, so the proxy fails at once. Without any
 * target, the proxy of Vite 7.0 would report an error, but not the request in which the error occurred.
 */
const UNREACHABLE = 'http://127.0.0.1:0'

/**
 * How long a request waits while the sidecar starts. This is shorter than the 5 s after which the client gives up.
 */
const HOLD_AT_MOST_MS = 4000

/** A proxy rule of the plugin, with the proxy that Vite has created for it. */
interface Route {
  readonly path: RegExp
  readonly proxy: ViteProxy
  readonly rewrite: ((url: string) => string) | undefined
}

/** Creates the proxy rules for Vite. `handle` applies the rules to requests that Vite does not handle itself. */
export class SignalingProxy {
  readonly #upstream: Upstream
  readonly #routes: Route[] = []
  /** Is called while Vite creates the proxy for a rule, before Vite adds its listener for upgrades. */
  whenCreated: () => void = () => {}

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  /**
   * Returns the entries for `server.proxy`. `base` is Vite's resolved base, which ends with a slash.
   *
   * Vite matches rules before it removes `base` from the URL, so the client's default `/ws/signaling`
   * works with every base. The second entry is for a reverse proxy that forwards only paths below
   * `base` to Vite.
   */
  rules(base: string): Record<string, ProxyOptions> {
    const plain = this.#rule(SIGNALING_PATH)
    if (base === '/') return plain
    const prefix = base.slice(0, -1)
    return {
      ...plain,
      ...this.#rule(prefix + SIGNALING_PATH, (url) => url.slice(prefix.length)),
    }
  }

  /** Proxies a request, or an upgrade if `head` is given. Returns false if its path is not for signaling. */
  handle(request: IncomingMessage, answer: Answer, head?: Buffer): boolean {
    const { url = '/' } = request
    const route = this.#routes.find(({ path }) => path.test(url))
    if (route === undefined) return false
    if (route.rewrite) request.url = route.rewrite(url)
    if ('writeHead' in answer) route.proxy.web(request, answer, {})
    else route.proxy.ws(request, answer, head ?? Buffer.alloc(0))
    return true
  }

  #rule(path: string, rewrite?: Route['rewrite']): Record<string, ProxyOptions> {
    const key = exactKey(path)
    const rule: ProxyOptions = {
      // The sidecar checks the Host and the Origin that the browser has sent, because Vite does not check them on
      // an upgrade. So rewriteWsOrigin must not be set. changeOrigin, which changes the Host, may be set only for a
      // sidecar on another machine, because `hostRefusal` has then checked the Host.
      changeOrigin: this.#upstream.isRemote === true,
      ws: true,
      xfwd: true,
      headers: { [PROXY_HEADER]: this.#upstream.secret },
      configure: (proxy, options) => {
        this.whenCreated()
        connect(proxy, options, this.#upstream)
        this.#routes.push({ path: new RegExp(key), proxy, rewrite })
      },
      ...(rewrite && { rewrite }),
    }
    return { [key]: rule }
  }
}

/**
 * Whether this key of the user's `server.proxy` is a rule for signaling. `/ws` alone is not, and neither is
 * `/ws/signaling-of-another-app`.
 */
export function isSignalingRule(key: string, base: string): boolean {
  // In a regular expression, slashes, dashes and dots may be escaped.
  const path = key.startsWith('^') ? key.slice(1).replace(/\\(\W)/g, '$1') : key
  return [SIGNALING_PATH, base.slice(0, -1) + SIGNALING_PATH].some(
    (own) => path.startsWith(own) && !/^[\w-]/.test(path.slice(own.length)),
  )
}

// Returns a regular expression, because a plain prefix would also match a path such as /ws/signaling-of-another-app.
function exactKey(path: string): string {
  return `^${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?:[/?]|$)`
}

function connect(proxy: ViteProxy, options: ProxyOptions, upstream: Upstream): void {
  // Vite's proxies read this option at each request, so a getter can return the current URL. The getter must return
  // a URL object, because the proxy of Vite 7.0 would replace a string with a parsed value.
  Object.defineProperty(options, 'target', {
    get: () => new URL(upstream.url ?? UNREACHABLE),
    enumerable: true,
  })

  refuseOrHold(proxy, upstream)
  introduce(proxy, upstream)
  reportRefusals(proxy, upstream)

  const upgraded = new WeakSet<object>()
  proxy.on('proxyReqWs', (request, _req, socket) => {
    request.once('upgrade', () => upgraded.add(socket))
  })

  // After `configure`, Vite adds a listener that logs a stack trace for every attempt while the sidecar is down. A
  // listener cannot hide an event from later listeners, so this function replaces `emit`.
  const { emit } = proxy
  proxy.emit = (...event: unknown[]): boolean => {
    const next = () => Reflect.apply(emit, proxy, event) as boolean
    if (event[0] === 'proxyReqWs') return withoutStackTraces(event[3] as Socket, next)
    if (event[0] !== 'error') return next()
    const [, error, , answer] = event as [string, NodeJS.ErrnoException, unknown, Answer]
    // The browser has closed the connection, so the error does not mean that the sidecar is down.
    if (answer.destroyed) return true
    const wasOpen = upgraded.has(answer)
    // An open WebSocket gets no error text, which would be an invalid frame, and is only closed.
    if (wasOpen) answer.destroy()
    else refuse(answer, 503, NOT_RUNNING)
    // A load balancer may have reset the WebSocket. If the sidecar is down, the next request of the page fails.
    if (wasOpen && isNotRunning(error)) return true
    if (upstream.url === undefined || isNotRunning(error)) upstream.unreachable()
    else upstream.failed(error)
    return true
  }
}

/**
 * Refuses requests and upgrades for a host that is not allowed, and lets the others wait while the
 * sidecar starts. If they did not wait, a page that is open at that time would get a 503, which the browser
 * reports as an error in its console.
 */
function refuseOrHold(proxy: ViteProxy, upstream: Upstream): void {
  const methods = proxy as unknown as Record<'ws' | 'web', (...event: unknown[]) => void>
  for (const name of ['ws', 'web'] as const) {
    const method = methods[name]
    methods[name] = (...event) => {
      const [request, answer] = event as [IncomingMessage, Answer]
      const refusal = upstream.hostRefusal?.(hostOf(request))
      if (refusal !== undefined) return refuse(answer, 403, refusal)
      const proceed = () => Reflect.apply(method, proxy, event)
      const started = untilStarted(upstream)
      if (started === undefined) proceed()
      else void hold(answer, started, proceed)
    }
  }
}

async function hold(answer: Answer, started: Promise<void>, proceed: () => void): Promise<void> {
  const ignore = () => {} // An `error` event without a listener would end Vite.
  answer.on('error', ignore)
  await started
  answer.off('error', ignore)
  if (!answer.destroyed) proceed()
}

/**
 * Returns a promise that resolves when the right sidecar listens, its start has failed, or the start takes too
 * long. Returns undefined if the sidecar already listens, or is not being started.
 */
export function untilStarted(upstream: Upstream): Promise<void> | undefined {
  const starting = upstream.url === undefined ? upstream.starting() : upstream.confirmed?.()
  return starting && withinLimit(starting)
}

async function withinLimit(starting: Promise<void>): Promise<void> {
  const limit = new AbortController()
  const { signal } = limit
  await Promise.race([
    starting,
    sleep(HOLD_AT_MOST_MS, undefined, { signal }).catch(() => {}), // `limit.abort()` below rejects this promise.
  ])
  limit.abort()
}

// Calls `next`, and removes the listener that Vite adds during this call. That listener logs a stack trace if the
// browser closes the connection before it has read a refusal.
function withoutStackTraces(browser: Socket, next: () => boolean): boolean {
  const own = browser.listeners('error')
  const result = next()
  for (const listener of browser.listeners('error')) {
    if (!own.includes(listener)) browser.off('error', listener as () => void)
  }
  // An `error` event without a listener would end Vite. After an error, the socket is closed in any case.
  browser.on('error', () => {})
  return result
}

function isNotRunning(error: NodeJS.ErrnoException): boolean {
  // ECONNRESET is also the code of the error "socket hang up", which occurs if the sidecar exits before it answers.
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '')
}

const NOT_RUNNING = "the signaling sidecar is not running; see the terminal of Vite's dev server"

function refuse(answer: Answer, status: 403 | 503, reason: string): void {
  const text = `${reason}\n`
  if ('writeHead' in answer) {
    if (!answer.headersSent) answer.writeHead(status, { 'Content-Type': 'text/plain' })
    if (!answer.writableEnded) answer.end(text)
    return
  }
  if (!answer.writable) return
  answer.on('error', () => {}) // An `error` event without a listener would end Vite.
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
    '',
    text,
  ]
  answer.end(lines.join('\r\n'))
}

/** Whether one of Vite's proxy rules forwards the request: to the sidecar, or to a server of the user's own. */
export function isProxied(url: string, proxy: Record<string, unknown> = {}): boolean {
  return Object.keys(proxy).some((rule) =>
    rule.startsWith('^') ? new RegExp(rule).test(url) : url.startsWith(rule),
  )
}
