/** Where the sidecar is when nobody has said so: on the origin that the page came from. */

const SIGNALING_PATH = '/ws/signaling'

/**
 * Where Vite proxies to the sidecar. Undefined where no dev server has served this page: on a
 * server, from a file, in a browser extension, in the shell of a native app.
 */
export function ownOriginUrl(): string | undefined {
  // `origin` knows more than `location` in an about:blank frame and in a worker that was made of a
  // blob: there it is that of the page that made them. A sandboxed frame has only the other.
  const { origin, location } = globalThis
  const page = [origin, location?.href].find((url) => /^https?:/.test(url ?? ''))
  if (page === undefined) return undefined
  const url = new URL(SIGNALING_PATH, page)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

/** Why a client would connect in vain here, for whoever reads the console; undefined: it would not. */
export function whyNotHere(
  url: string | undefined,
  webSocket: typeof WebSocket | undefined,
): string | undefined {
  const { document, location } = globalThis
  if (document === undefined && location === undefined) {
    // Where pages are rendered a client would be made by each request, and be in the room for ever.
    return webSocket === undefined ? ON_A_SERVER : undefined
  }
  if (url !== undefined) return undefined
  const place = `${location.protocol}${location.host && `//${location.host}`}`
  const reason = `nothing is connected: no dev server serves ${place} pages, so a client cannot guess where the sidecar is. `
  // Every website can make a page that has this origin, so the sidecar lets none of them in.
  if (globalThis.origin === 'null') {
    return `${reason}This page has no origin of its own either, so no sidecar lets it in: open it through your Vite, over http.`
  }
  return (
    reason +
    "Say it: new SignalingClient({ url: 'ws://localhost:5173/ws/signaling' }), with the port of your Vite. " +
    `The sidecar lets this page in when it is told its origin (${globalThis.origin}).`
  )
}

const ON_A_SERVER =
  'a SignalingClient does nothing on a server: the page, when it runs in a browser, makes its own. ' +
  'To use one in Node.js, give it a url and a WebSocket.'

const said = new Set<string>()

/** Once for each sentence: a server renders a page at each request. */
export function sayOnce(sentence: string): void {
  if (said.has(sentence)) return
  said.add(sentence)
  console.warn(`Signaling: ${sentence}`)
}
