import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ProxyOptions } from 'vite'

export const SIGNALING_PATH = '/ws/signaling'

/** Proves to the sidecar that a request has come through this proxy. In lower case, as Node reads. */
export const PROXY_HEADER = 'x-signaling-proxy'

/** Where the proxy sends to. Asked at every request, because a restarted sidecar has a new port. */
export interface Upstream {
  readonly url: string | undefined
  /** Goes with every request, in place of what the client has sent under that name. */
  readonly secret: string
  /** Nobody answered at `url`, or there is none. */
  unreachable(): void
  /** An error of the proxy that does not mean "not running". */
  failed(error: Error): void
}

/** What is left to answer on: of a request its response, of an upgrade the bare socket. */
type Answer = ServerResponse | Socket

/**
 * Where nobody can listen: the proxy fails at once. Without any target, that of Vite 7.0 reports an
 * error that does not say which request it was.
 */
const NOBODY = 'http://127.0.0.1:0'

type Proxy = Parameters<NonNullable<ProxyOptions['configure']>>[0]

/** A rule of ours with the proxy that Vite has made for it. */
interface Route {
  readonly path: RegExp
  readonly proxy: Proxy
  readonly rewrite: ((url: string) => string) | undefined
}

/** What Vite is told to proxy, and the way to have it done for a request that Vite does not see. */
export class SignalingProxy {
  readonly #upstream: Upstream
  readonly #routes: Route[] = []

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  /**
   * The entries for `server.proxy`, by key. `base` is the resolved one: it ends with a slash.
   *
   * Vite matches the raw URL, before it strips `base`, so the client's default `/ws/signaling`
   * works under every base. Behind a reverse proxy that hands only `base` to Vite the path begins
   * with the base; that is the second entry.
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

  /** Proxies an upgrade, or without `head` a request; false when it is not about signaling. */
  take(request: IncomingMessage, answer: Answer, head?: Buffer): boolean {
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
      // No changeOrigin and no rewriteWsOrigin: the sidecar judges Host and Origin as the browser
      // sent them, and nobody else does on an upgrade.
      ws: true,
      xfwd: true,
      headers: { [PROXY_HEADER]: this.#upstream.secret },
      configure: (proxy, options) => {
        connect(proxy, options, this.#upstream)
        this.#routes.push({ path: new RegExp(key), proxy, rewrite })
      },
      ...(rewrite && { rewrite }),
    }
    return { [key]: rule }
  }
}

/** Whether a key of the user's own `server.proxy` is about signaling. `/ws` is not. */
export function isSignalingRule(key: string, base: string): boolean {
  const path = key.replace(/^\^/, '')
  return path.startsWith(SIGNALING_PATH) || path.startsWith(base.slice(0, -1) + SIGNALING_PATH)
}

// A plain prefix would also take /ws/signaling-of-another-app.
function exactKey(path: string): string {
  return `^${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?:[/?]|$)`
}

function connect(proxy: Proxy, options: ProxyOptions, upstream: Upstream): void {
  // Vite's proxies read these very options at each request, so a getter is asked each time. Not as
  // a string: the http-proxy of Vite 7.0 would put what it has parsed in its place.
  Object.defineProperty(options, 'target', {
    get: () => new URL(upstream.url ?? NOBODY),
    enumerable: true,
  })

  const upgraded = new WeakSet<object>()
  proxy.on('proxyReqWs', (request, _req, socket) => {
    request.once('upgrade', () => upgraded.add(socket))
  })

  // Vite adds a listener of its own after `configure`, which logs a stack for every attempt while
  // the sidecar is down, and a listener cannot be stopped by an earlier one. So the event ends here.
  const { emit } = proxy
  proxy.emit = (...event: unknown[]): boolean => {
    const next = () => Reflect.apply(emit, proxy, event) as boolean
    if (event[0] === 'proxyReqWs') return withoutStacks(event[3] as Socket, next)
    if (event[0] !== 'error') return next()
    const [, error, , answer] = event as [string, NodeJS.ErrnoException, unknown, Answer]
    // It is the browser that has gone: that says nothing of the sidecar.
    if (answer.destroyed) return true
    refuse(answer, upgraded)
    if (upstream.url === undefined || isGone(error)) upstream.unreachable()
    else upstream.failed(error)
    return true
  }
}

// Vite logs a stack also for a browser that is gone before it has read why its upgrade was refused.
function withoutStacks(browser: Socket, next: () => boolean): boolean {
  const own = browser.listeners('error')
  const result = next()
  for (const listener of browser.listeners('error')) {
    if (!own.includes(listener)) browser.off('error', listener as () => void)
  }
  // An error without a listener would end Vite; `close` follows, which is all that counts.
  browser.on('error', () => {})
  return result
}

function isGone(error: NodeJS.ErrnoException): boolean {
  // ECONNRESET is also Node's code for "socket hang up": it died while it answered.
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '')
}

const SENTENCE = "the signaling sidecar is not running: see the terminal of Vite's dev server\n"

function refuse(answer: Answer, upgraded: WeakSet<object>): void {
  if ('writeHead' in answer) {
    if (!answer.headersSent) answer.writeHead(503, { 'Content-Type': 'text/plain' })
    if (!answer.writableEnded) answer.end(SENTENCE)
    return
  }
  // Text in the middle of an open WebSocket would be a broken frame: that one is only cut.
  if (upgraded.has(answer)) answer.destroy()
  else if (answer.writable) answer.end(UPGRADE_REFUSAL)
}

const UPGRADE_REFUSAL = [
  'HTTP/1.1 503 Service Unavailable',
  'Content-Type: text/plain',
  `Content-Length: ${Buffer.byteLength(SENTENCE)}`,
  'Connection: close',
  '',
  SENTENCE,
].join('\r\n')
