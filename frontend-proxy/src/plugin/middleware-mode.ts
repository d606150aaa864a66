import type { IncomingMessage } from 'node:http'
import type { ViteDevServer } from 'vite'
import { type Inspector, inspectorUrl } from './inspector.ts'
import {
  interceptSignaling,
  listenForUpgrades,
  type PageServer,
  pageServerOf,
  pagesBase,
  refuserOfViteClient,
  serverThatReceived,
  urlsOf,
} from './page-server.ts'
import { pageUrlsAt } from './page-urls.ts'
import { SIGNALING_PATH, type SignalingProxy } from './proxy-rule.ts'
import type { SignalingSetup } from './signaling-setup.ts'

const LAN_HAS_NO_EFFECT =
  'the option lan has no effect because Vite is in middleware mode; the server that runs Vite decides where it listens and whether it uses https'

/**
 * Connects signaling to the server that runs this Vite in middleware mode: at once if Vite's config contains that
 * server, or else when Vite gets its first request. Returns a function that disconnects signaling, because that server
 * may continue to run after this Vite has closed.
 */
export function attachToPageServer(
  vite: ViteDevServer,
  setup: SignalingSetup,
  inspector: Inspector | undefined,
): () => void {
  const server = pageServerOf(vite.config)
  if (server !== undefined) return attach(vite, server, setup, inspector)
  let isClosed = false
  let detach = () => {}
  onFirstRequest(vite, (request) => {
    const found = serverThatReceived(request)
    if (found === undefined) continueWithoutPageServer(vite, setup)
    else if (!isClosed) detach = attach(vite, found, setup, inspector)
  })
  return () => {
    isClosed = true
    detach()
  }
}

function attach(
  vite: ViteDevServer,
  server: PageServer,
  setup: SignalingSetup,
  inspector: Inspector | undefined,
): () => void {
  const leave = followPageServer(vite, server, setup, inspector !== undefined)
  const hasViteSocket = vite.config.server.ws !== false
  const refuse = refuserOfViteClient(vite.config, vite.config.server.proxy)
  // A server that is not in Vite's config has no listener of Vite either.
  const isListening = hasViteSocket && pageServerOf(vite.config) !== undefined
  const deafen = isListening ? undefined : listenForUpgrades(server)
  const mute = setup.proxy && removerOfProxyListener(server, setup.proxy)
  const detach = interceptSignaling(server, (request, answer, head) => {
    const isInspector = 'writeHead' in answer && inspector?.handle(request, answer)
    if (isInspector || setup.proxy?.handle(request, answer, head)) return true
    return !hasViteSocket && refuse(request, answer, head)
  })
  return () => {
    leave()
    deafen?.()
    mute?.()
    detach()
  }
}

/**
 * Returns a function that removes the listener for upgrades that Vite's proxy adds to this server. Vite never removes
 * it, so after each restart there would be one more, and Node would warn of a memory leak.
 */
function removerOfProxyListener(server: PageServer, proxy: SignalingProxy): () => void {
  let remove: (() => void) | undefined
  const note = (name: string | symbol, listener: (...event: unknown[]) => void) => {
    if (name === 'upgrade') remove ??= () => void server.off('upgrade', listener)
  }
  proxy.whenCreated = () => {
    server.on('newListener', note)
    queueMicrotask(() => server.off('newListener', note)) // By then Vite has added its listener.
  }
  return () => remove?.()
}

/**
 * Prints the URLs as soon as the server listens, and holds the lease until the server is closed. Returns a function
 * that prevents the printing.
 */
function followPageServer(
  { config }: ViteDevServer,
  server: PageServer,
  { lease, hasLan, log }: SignalingSetup,
  hasInspector: boolean,
): () => void {
  const urls = () => pageUrlsAt(config, urlsOf(server, pagesBase(config)))
  const print = () => {
    const { local, network } = urls()
    const [page] = [...local, ...network]
    if (page !== undefined) log.info(new URL(SIGNALING_PATH, page.replace(/^http/, 'ws')).href)
    if (hasInspector && local[0] !== undefined) log.info(`inspector: ${inspectorUrl(local[0])}`)
    if (hasLan) log.warn(LAN_HAS_NO_EFFECT)
  }
  if (server.listening) print()
  else server.once('listening', print)
  lease?.follow(server, urls)
  return () => void server.off('listening', print)
}

/**
 * Calls `handle` for the first request that Vite gets. (A Vite without requests may be one that a framework or Vitest
 * uses internally, and that serves no page.)
 */
function onFirstRequest(
  { middlewares }: ViteDevServer,
  handle: (request: IncomingMessage) => void,
): void {
  let isFirst = true
  middlewares.use((request, _response, next) => {
    if (isFirst) {
      isFirst = false
      handle(request)
    }
    next()
  })
}

/** Starts the sidecar, and prints why the WebSockets of the pages do not reach it. */
function continueWithoutPageServer({ config }: ViteDevServer, setup: SignalingSetup): void {
  setup.log.warn(advice(setup.fixedAddress))
  if (setup.hasLan) setup.log.warn(LAN_HAS_NO_EFFECT)
  setup.lease?.begin(() => pageUrlsAt(config, { local: [], network: [] }))
}

function advice(fixedAddress: string | undefined): string {
  const target =
    fixedAddress ??
    'the sidecar, whose address you can fix with signaling({ sidecar: { port: 8765 } })'
  return `Vite is in middleware mode and does not know which server the pages come from, so their WebSockets do not reach the sidecar; pass that server in Vite's config, as server: { middlewareMode: { server } }, or let it proxy ${SIGNALING_PATH}, including WebSocket upgrades, to ${target}`
}
