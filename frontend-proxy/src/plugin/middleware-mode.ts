import type { ViteDevServer } from 'vite'
import { type PageServer, pageServerOf, takeSignaling, urlsOf } from './page-server.ts'
import { siteAt } from './page-urls.ts'
import { SIGNALING_PATH, type SignalingProxy } from './proxy-rule.ts'
import type { SidecarStay } from './sidecar-lease.ts'
import type { Log } from './sidecar-supervisor.ts'

/** What a Vite in middleware mode has to do with signaling. */
export interface Link {
  /** Undefined: the user has a proxy rule of his own. */
  readonly proxy: SignalingProxy | undefined
  /** Undefined: no sidecar is wanted from us. */
  readonly stay: SidecarStay | undefined
  /** Where the sidecar is, if the options say so. */
  readonly fixedAddress: string | undefined
  readonly log: Log
}

/** Returns what gives the server of the pages back: it may live longer than this Vite. */
export function joinPages(vite: ViteDevServer, link: Link): (() => void) | undefined {
  // Vitest runs Vite in middleware mode: those pages are not the app's.
  if (process.env.VITEST) return undefined
  const pages = pageServerOf(vite.config)
  if (pages === undefined) {
    waitForPages(vite, link)
    return undefined
  }
  followPages(vite, pages, link)
  const { proxy } = link
  return proxy && takeSignaling(pages, (...event) => proxy.take(...event))
}

function followPages({ config }: ViteDevServer, pages: PageServer, { stay, log }: Link): void {
  const site = () => siteAt(config, urlsOf(pages, pagesBase(config)))
  const say = () => {
    const [page] = [...site().local, ...site().network]
    if (page !== undefined) log.info(new URL(SIGNALING_PATH, page.replace(/^http/, 'ws')).href)
  }
  if (pages.listening) say()
  else pages.once('listening', say)
  stay?.follow(pages, site)
}

/**
 * Starts the sidecar, and says what is missing, when the first request for one of Vite's modules
 * comes. Before that it may be a Vite that a framework uses by itself, for no page.
 */
function waitForPages({ config, middlewares }: ViteDevServer, link: Link): void {
  let isFirst = true
  middlewares.use((_request, _response, next) => {
    if (isFirst) {
      isFirst = false
      link.log.warn(advice(link.fixedAddress))
      link.stay?.begin(siteAt(config, { local: [], network: [] }))
    }
    next()
  })
}

function advice(fixedAddress: string | undefined): string {
  const target =
    fixedAddress ?? 'the sidecar, whose address signaling({ sidecar: { port: 8765 } }) fixes'
  return `Vite is in middleware mode and was not told which server the pages come from, so their WebSockets do not reach it: write server: { middlewareMode: { server } } in its config, or let that server proxy ${SIGNALING_PATH}, with WebSockets, to ${target}`
}

/** A framework's own pages are not below the base of Vite's modules: Nuxt's is `/_nuxt/`. */
function pagesBase({ appType, base }: ViteDevServer['config']): string {
  return appType === 'custom' ? '/' : base
}
