// In middleware mode Vite has no server of its own: the pages come from a server that the
// framework or the user has made.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AddressInfo, isIPv6, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { ResolvedConfig, ViteDevServer } from 'vite'
import { PLUGIN_NAME } from './names.ts'

export type PageServer = NonNullable<ViteDevServer['httpServer']>

/** Answers a request (without `head`) or an upgrade, if it is about signaling. */
export type Taker = (
  request: IncomingMessage,
  answer: ServerResponse | Socket,
  head?: Buffer,
) => boolean

/**
 * The server of the pages, where Vite was told of it: as `middlewareMode.server`, or only as the
 * server that carries Vite's own WebSocket, which is what Nuxt and Storybook do.
 */
export function pageServerOf({ server }: ResolvedConfig): PageServer | undefined {
  const { middlewareMode, ws, hmr } = server
  const own = typeof middlewareMode === 'object' ? middlewareMode.server : undefined
  const carrier = (option: typeof ws | typeof hmr) =>
    typeof option === 'object' ? option.server : undefined
  return own ?? carrier(ws) ?? carrier(hmr)
}

const LOOPBACK = /^(127\.|::1$)/

const TAKER = Symbol.for(`${PLUGIN_NAME}.taker`)

interface WrappedServer {
  [TAKER]?: Taker | undefined
  emit(name: string, ...event: unknown[]): boolean
}

/**
 * Hands what is about signaling to `taker`, in place of an earlier one. Returns what ends that.
 *
 * Before the server's own listeners, because one of them may answer every request and every upgrade
 * (Nuxt's does), and so would the proxy of a Vite that was restarted: its listener stays behind. A
 * listener cannot keep an event from the others, so the event is taken where it is emitted.
 */
export function takeSignaling(server: PageServer, taker: Taker): () => void {
  const wrapped = server as unknown as WrappedServer
  if (!(TAKER in wrapped)) wrap(wrapped)
  wrapped[TAKER] = taker
  return () => {
    if (wrapped[TAKER] === taker) wrapped[TAKER] = undefined
  }
}

function wrap(server: WrappedServer): void {
  const { emit } = server
  server.emit = (name, ...event) => {
    const isTaken =
      (name === 'upgrade' || name === 'request') &&
      server[TAKER]?.(...(event as Parameters<Taker>)) === true
    return isTaken || Reflect.apply(emit, server, [name, ...event])
  }
}

/**
 * As Vite's `resolvedUrls`: where the pages of a listening server are. Each ends with `base`; `name`
 * is what this machine is called in a local one.
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

function hostsOf({ address }: AddressInfo, name: string): { local: string[]; network: string[] } {
  if (LOOPBACK.test(address)) return { local: [name], network: [] }
  if (address !== '::' && address !== '0.0.0.0') return { local: [], network: [address] }
  const entries = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  const others = entries.filter(({ family, internal }) => family === 'IPv4' && !internal)
  return { local: ['localhost'], network: others.map((entry) => entry.address) }
}
