import { readFileSync } from 'node:fs'
import { isIP, isIPv4 } from 'node:net'
import path from 'node:path'
import type { CommonServerOptions, PreviewServer, ResolvedConfig, ViteDevServer } from 'vite'
import { bestFirst, hostOf } from './lan-addresses.ts'
import { listensOnAll, urlsOf } from './page-server.ts'
import type { PageUrls } from './site-file.ts'

/**
 * Returns the URLs of a Vite server that listens, with the addresses that this machine has now. `resolvedUrls` contains
 * those that it had when Vite began to listen. In Vite 7.0, `resolvedUrls` is not set yet at that time.
 */
export function pageUrlsOf(
  { config, resolvedUrls, httpServer }: ViteDevServer | PreviewServer,
  { host }: CommonServerOptions,
): PageUrls {
  const name = typeof host === 'string' && isIPv4(host) ? host : 'localhost'
  const found = httpServer ? urlsOf(httpServer, config.base, name) : { local: [], network: [] }
  const { local, network: listed } = resolvedUrls ?? found
  // Vite also lists the names in its certificate.
  const network = listensOnAll(httpServer) ? [...found.network, ...listed.filter(hasName)] : listed
  return pageUrlsAt(config, { local, network })
}

function hasName(url: string): boolean {
  return isIP(hostOf(url)) === 0
}

/** Returns these URLs with the project's name. The network URL that a phone can most probably reach comes first. */
export function pageUrlsAt(
  { root }: ResolvedConfig,
  urls: Pick<PageUrls, 'local' | 'network'>,
): PageUrls {
  const network = bestFirst(urls.network).map(({ url }) => url)
  return { name: nameOf(root), local: urls.local, network }
}

/** Returns the name in package.json, or else the name of the project's folder. */
function nameOf(root: string): string {
  try {
    const { name } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
    if (typeof name === 'string' && name !== '') return name
  } catch {
    // There is no package.json in Vite's root, or it is just being edited.
  }
  return path.basename(root) || 'root'
}
