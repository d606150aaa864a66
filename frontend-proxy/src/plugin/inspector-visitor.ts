import type { IncomingMessage } from 'node:http'
import { hostOf, protocolOf } from './page-host.ts'

/** Why a request is refused. `code` does not change between releases, and `message` says what to do instead. */
export interface Refusal {
  readonly code: 'inspector-not-local' | 'inspector-forwarded' | 'inspector-foreign-page'
  readonly message: string
}

/**
 * What a request asks for. `page`: the page or its scripts, which contain no data. `data`: data or an action.
 * `socket`: data on the WebSocket of Vite's client, which may have another port than the pages.
 */
export type Asked = 'page' | 'data' | 'socket'

/**
 * Returns why the sender of a request may not see the inspector, or undefined if it may.
 *
 * The inspector shows all that the peers have sent to each other, and can close rooms, so only the person
 * at this machine may use it. It refuses these attacks:
 *
 * 1. Somebody on the network requests the inspector, because Vite may listen on the network. The remote address of
 *    their socket is not loopback.
 * 2. Somebody on the internet requests the inspector through a tunnel (ngrok, cloudflared) that the developer has
 *    opened to show the app. The tunnel's program connects from loopback and may rewrite the Host, but adds a
 *    header such as X-Forwarded-For. (A tunnel that adds no header looks like a browser.)
 * 3. A website that the developer visits has pointed a name of its own at 127.0.0.1 (DNS rebinding), so
 *    the browser treats the inspector as a part of that website. The Host contains that name. Vite
 *    checks the Host too, but neither over https nor with `allowedHosts: true`.
 * 4. A website that the developer visits, or an app on another port of localhost, sends a request whose
 *    answer it cannot read (a form, an image, `no-cors`), or shows the page in a frame. The header Origin
 *    or Sec-Fetch-Site shows this. (Safari before 16.4 sends neither with GET, but a GET changes nothing.)
 *
 * A link on another website is allowed to open the page, because the page contains no data, and no other
 * page can read it or show it in a frame.
 *
 * `url` is the URL of the inspector, or undefined if Vite does not listen on localhost.
 */
export function refusalOf(
  request: IncomingMessage,
  asked: Asked,
  url: string | undefined,
): Refusal | undefined {
  const { headers, socket } = request
  const instead = url === undefined ? LISTEN_TOO : `open ${url} on the machine that runs Vite`
  const { remoteAddress } = socket
  if (!isLoopback(remoteAddress)) {
    const from = `this request came from ${remoteAddress ?? 'a socket without an address'}`
    return { code: 'inspector-not-local', message: `${ONLY_HERE}, and ${from}; ${instead}` }
  }
  const host = hostOf(request)
  if (!LOOPBACK_HOST.test(host)) {
    const asks = `this request asks for the host ${JSON.stringify(host)}`
    return { code: 'inspector-not-local', message: `${ONLY_HERE}, and ${asks}; ${instead}` }
  }
  const forwarding = Object.keys(headers).find((name) => ADDED_BY_PROXIES.test(name))
  if (forwarding !== undefined) {
    const why = `the inspector does not answer through a proxy or a tunnel, and this request has the header ${forwarding}`
    return { code: 'inspector-forwarded', message: `${why}; ${instead}` }
  }
  if (isFromForeignPage(request, asked, url)) {
    const why = 'the inspector answers only its own page, and this request does not come from it'
    return { code: 'inspector-foreign-page', message: `${why}; ${instead}` }
  }
  return undefined
}

const ONLY_HERE = 'the inspector can be opened only under a name of this machine itself'

const LISTEN_TOO =
  'to open it on the machine that runs Vite, let Vite listen on localhost (server.host: true)'

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:(?:::ffff:)?127\.|::1$)/i.test(address)
}

/** Hosts that no website can own. Browsers resolve `*.localhost` to loopback without asking DNS. */
const LOOPBACK_HOST =
  /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?$/i

/** The names of headers that proxies, tunnels and hosting services (Cloudflare, Fly, …) add to a request. */
const ADDED_BY_PROXIES =
  /^(?:forwarded|via|cdn-loop|true-client-ip|x-(?:forwarded|real|client|cluster-client|original|envoy|amzn|ngrok|expose)-.+|(?:cf|fly|fastly|ngrok|tailscale|zrok)-.+)$/

function isFromForeignPage(
  request: IncomingMessage,
  asked: Asked,
  url: string | undefined,
): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (asked === 'socket' && origin !== undefined && url !== undefined)
    return origin !== originAt(url, request)
  if (origin !== undefined && origin !== ownOrigin(request)) return true
  if (site === undefined || site === 'same-origin') return false
  if (asked === 'data') return true
  // Sec-Fetch-Site is `none` if the user has typed the URL or opened it from another program.
  return site !== 'none' && !isNavigation(request)
}

function ownOrigin(request: IncomingMessage): string {
  const text = `${protocolOf(request)}://${hostOf(request)}`
  // The Host may contain a default port or capital letters, but an Origin header does not.
  return URL.canParse(text) ? new URL(text).origin : text
}

/** Returns the origin of a page on the server at `url`, if the page was opened under the request's host name. */
function originAt(url: string, request: IncomingMessage): string {
  const { protocol, port } = new URL(url)
  return new URL(`${protocol}//${hostOf(request).replace(/:\d+$/, '')}:${port}`).origin
}

/** Whether the browser opens the answer as a page in a tab, and not as a frame, an image or a script. */
function isNavigation({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document'
  )
}
