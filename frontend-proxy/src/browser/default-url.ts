/** Finds the sidecar's URL when the app gives none, and explains why there may be no such URL. */

const SIGNALING_PATH = '/ws/signaling'

/**
 * The `Symbol.for` key of a global property that contains the origin from which Vite's client was
 * loaded. The plugin adds code to Vite's client that sets this property.
 */
export const DEV_SERVER = 'vite-plugin-signaling-sidecar'

/**
 * Returns the URL of `/ws/signaling` on the dev server, which proxies it to the sidecar. The dev
 * server's origin is the one from which the page has loaded Vite's client. If the page has not
 * loaded Vite's client, this function uses the page's own origin. The two origins differ if another
 * server (Django, Laravel, Rails) serves the page, and Vite only its scripts.
 *
 * Returns undefined if neither origin is known, because the page was not loaded over http: during
 * server-side rendering, from a file, in a browser extension, or in the webview of a native app.
 */
export function defaultUrl(): string | undefined {
  // An about:blank frame, and a worker that was created from a blob, inherit the `origin` of the
  // page that created them, and their `location` does not contain it. In a sandboxed frame,
  // `origin` is "null", and only `location` contains the origin.
  const { origin, location } = globalThis
  const devServer: unknown = Reflect.get(globalThis, Symbol.for(DEV_SERVER))
  const page = [devServer, origin, location?.href].find(isHttp)
  if (page === undefined) return undefined
  const url = new URL(SIGNALING_PATH, page)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

function isHttp(url: unknown): url is string {
  return typeof url === 'string' && /^https?:/.test(url)
}

/** Returns a text for the console that says why a client cannot connect, or undefined if it can. */
export function whyNoConnection(
  url: string | undefined,
  webSocket: object | undefined,
): string | undefined {
  const { document, location } = globalThis
  if (document === undefined && location === undefined) {
    // During server-side rendering, each request would create a client that is never closed.
    return webSocket === undefined ? ON_A_SERVER : undefined
  }
  if (url !== undefined) return undefined
  const page = `${location.protocol}${location.host && `//${location.host}`}`
  const reason = `nothing is connected: ${page} pages do not come from a dev server, so the client does not know the sidecar's URL. `
  // Every website can create a page with the origin "null", so the sidecar refuses that origin.
  if (globalThis.origin === 'null') {
    return `${reason}The sidecar also refuses pages without an origin, such as this one: open the page from your Vite dev server, over http.`
  }
  return (
    reason +
    "Pass the URL: new SignalingClient({ url: 'ws://localhost:5173/ws/signaling' }), with the port of your Vite dev server, " +
    `and allow this page's origin (${globalThis.origin}) with the plugin's option allowedOrigins.`
  )
}

const ON_A_SERVER =
  'a SignalingClient does nothing during server-side rendering. The page creates its own client in the browser. ' +
  'To use a client in Node.js, pass it a url and a WebSocket class.'

const warnings = new Set<string>()

/** Prints each text only once, because a server may render the same page many times. */
export function warnOnce(text: string): void {
  if (warnings.has(text)) return
  warnings.add(text)
  console.warn(`Signaling: ${text}`)
}
