// The page server is the HTTP server that serves the app's pages. In middleware mode, the framework or
// the user creates it, and Vite has no server of its own.

import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, isIPv6, Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import type { Writable } from 'node:stream'
import type { ResolvedConfig, ViteDevServer } from 'vite'
import { PLUGIN_NAME } from './names.ts'
import { isProxied } from './proxy-rule.ts'

export type PageServer = NonNullable<ViteDevServer['httpServer']>

/** Handles a request, or an upgrade if `head` is given. Returns false if its path is not for the plugin. */
export type Interceptor = (
  request: IncomingMessage,
  answer: ServerResponse | Socket,
  head?: Buffer,
) => boolean

/**
 * Returns the page server if Vite's config contains it: as `middlewareMode.server`, or as the server
 * for Vite's own WebSocket, which is what Nuxt and Storybook set.
 */
export function pageServerOf({ server }: ResolvedConfig): PageServer | undefined {
  const { middlewareMode, ws, hmr } = server
  const own = typeof middlewareMode === 'object' ? middlewareMode.server : undefined
  const webSocketServer = (option: typeof ws | typeof hmr) =>
    typeof option === 'object' ? option.server : undefined
  return own ?? webSocketServer(ws) ?? webSocketServer(hmr)
}

/**
 * Returns the server that has received a request. Node sets the property `server` of its sockets, but does not document
 * it, so it may be missing: in other runtimes, and for a request that was not received by a server, but only simulated.
 */
export function serverThatReceived({ socket }: IncomingMessage): PageServer | undefined {
  const { server } = (socket ?? {}) as { server?: unknown }
  // In Bun, the class of HTTP servers does not extend that of net servers.
  const isServer = server instanceof Server || server instanceof HttpServer
  return isServer ? (server as PageServer) : undefined
}

/** Returns the base of the pages, which may differ from the base of Vite's modules (Nuxt: `/_nuxt/`). */
export function pagesBase({ appType, base }: ResolvedConfig): string {
  return appType === 'custom' ? '/' : base
}

const LOOPBACK = /^(127\.|::1$)/

const INTERCEPTORS = Symbol.for(`${PLUGIN_NAME}.interceptors`)

interface WrappedServer {
  [INTERCEPTORS]?: Interceptor[]
  emit(name: string, ...event: unknown[]): boolean
}

/**
 * Lets `interceptor` handle requests and upgrades before the server's own listeners, and before earlier
 * interceptors. (There may be earlier ones, because several Vites can use one server, and a Vite that restarts
 * itself creates the new server before it closes the old one.) Returns a function that removes `interceptor`.
 *
 * A listener of the server may answer every request and upgrade (Nuxt has one), and so may the proxy
 * of an earlier Vite, whose listener remains after a restart. A listener cannot hide an event from
 * other listeners, so this function replaces the server's `emit`.
 */
export function interceptSignaling(server: PageServer, interceptor: Interceptor): () => void {
  const wrapped = server as unknown as WrappedServer
  wrapped[INTERCEPTORS] ??= wrap(wrapped)
  const interceptors = wrapped[INTERCEPTORS]
  interceptors.unshift(interceptor)
  return () => {
    const index = interceptors.indexOf(interceptor)
    if (index >= 0) interceptors.splice(index, 1)
  }
}

function wrap(server: WrappedServer): Interceptor[] {
  const interceptors: Interceptor[] = []
  const { emit } = server
  server.emit = (name, ...event) => {
    const isHandled =
      (name === 'upgrade' || name === 'request') &&
      interceptors.some((intercept) => intercept(...(event as Parameters<Interceptor>)))
    return isHandled || Reflect.apply(emit, server, [name, ...event])
  }
  return interceptors
}

const OF_VITES_CLIENT = /^vite-(hmr|ping)$/

/**
 * Returns an interceptor that refuses the WebSocket of Vite's client, for a server on which this Vite does not
 * accept it (`server.ws: false`, `vite preview`). Otherwise nobody would answer this WebSocket: Vite listens for
 * upgrades because of the proxy rules, so Node does not refuse any upgrade by itself. Chromium opens the WebSockets
 * to one server one after the other, so the WebSocket for signaling would have to wait. Only upgrades for the path
 * of this Vite's client are refused, because another Vite or a proxy rule may answer other paths.
 */
export function refuserOfViteClient(
  { base, server: { hmr } }: ResolvedConfig,
  proxy: Record<string, unknown> | undefined,
): Interceptor {
  const clientPath = path.posix.join(base, (typeof hmr === 'object' && hmr.path) || '')
  return ({ headers, url = '' }, answer, head) => {
    const isOfVite = OF_VITES_CLIENT.test(headers['sec-websocket-protocol'] ?? '')
    if (head === undefined || !isOfVite || url.split('?')[0] !== clientPath) return false
    if (isProxied(url, proxy)) return false
    refuseUpgrade(answer)
    return true
  }
}

const ONLY_LISTENS = Symbol.for(`${PLUGIN_NAME}.only-listens`)

/**
 * Listens for upgrades on a server where this Vite has no WebSocket, because Node treats upgrades as plain
 * requests if there is no listener. Refuses upgrades if no listener was added for another purpose. (Another Vite
 * may have called this function for the same server.) Returns a function that removes the listener.
 */
export function listenForUpgrades(server: PageServer): () => void {
  const listener = (_request: IncomingMessage, answer: Writable) => {
    const all = server.listeners('upgrade')
    if (all[0] === listener && all.every((each) => ONLY_LISTENS in each)) refuseUpgrade(answer)
  }
  Object.assign(listener, { [ONLY_LISTENS]: true })
  server.on('upgrade', listener)
  return () => void server.off('upgrade', listener)
}

function refuseUpgrade(answer: Writable): void {
  answer.on('error', () => {}) // An `error` event without a listener would end Vite.
  answer.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
}

/**
 * Returns the URLs of a listening server, like Vite's `resolvedUrls`. Each URL ends with `base`, and `name` is the
 * host in a local URL.
 */
export function urlsOf(
  server: PageServer,
  base: string,
  name = 'localhost',
): { local: string[]; network: string[] } {
  const address = server.address()
  if (address === null || typeof address === 'string') return { local: [], network: [] }
  const protocol = 'setSecureContext' in server ? 'https' : 'http'
  const url = (host: string) =>
    `${protocol}://${isIPv6(host) ? `[${host}]` : host}:${address.port}${base}`
  const { local, network } = hostsOf(address, name)
  return { local: local.map(url), network: network.map(url) }
}

/** Whether a server can be reached at all addresses of this machine. */
export function listensOnAll(server: PageServer | null): boolean {
  const address = server?.address()
  return typeof address === 'object' && isAnyAddress(address?.address)
}

function isAnyAddress(address: string | undefined): boolean {
  return address === '::' || address === '0.0.0.0'
}

function hostsOf({ address }: AddressInfo, name: string): { local: string[]; network: string[] } {
  if (LOOPBACK.test(address)) return { local: [name], network: [] }
  if (!isAnyAddress(address)) return { local: [], network: [address] }
  const entries = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  const of = (wanted: string) =>
    entries.filter(({ family, internal }) => family === wanted && !internal)
  const ipv4 = of('IPv4')
  // A URL cannot contain a link-local IPv6 address, which needs a zone that has a meaning only on this machine.
  const ipv6 =
    address === '::' ? of('IPv6').filter((entry) => !/^fe[89ab]/i.test(entry.address)) : []
  const others = ipv4.length > 0 ? ipv4 : ipv6
  return { local: ['localhost'], network: others.map((entry) => entry.address) }
}
