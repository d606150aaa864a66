import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import path from 'node:path'
import type { CommonServerOptions, PreviewServer, ResolvedConfig, ViteDevServer } from 'vite'
import { bestFirst } from './lan-addresses.ts'
import { urlsOf } from './page-server.ts'
import type { Pages } from './site-file.ts'

/** Where the pages of a Vite are that has just begun to listen. Vite 7.0 does not know yet. */
export function siteOf(
  { config, resolvedUrls, httpServer }: ViteDevServer | PreviewServer,
  { host }: CommonServerOptions,
): Pages {
  const name = typeof host === 'string' && isIPv4(host) ? host : 'localhost'
  const urls = resolvedUrls ?? (httpServer && urlsOf(httpServer, config.base, name))
  return siteAt(config, urls ?? { local: [], network: [] })
}

/** The pages of this config at these URLs. */
export function siteAt({ root }: ResolvedConfig, urls: Pick<Pages, 'local' | 'network'>): Pages {
  const network = bestFirst(urls.network).map(({ url }) => url)
  return { name: nameOf(root), local: urls.local, network }
}

/** What package.json says, else the folder's own name. */
function nameOf(root: string): string {
  try {
    const { name } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
    if (typeof name === 'string' && name !== '') return name
  } catch {
    // No package.json beside index.html, or one that is being edited.
  }
  return path.basename(root) || 'root'
}
