import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { PreviewServer, ResolvedConfig, ViteDevServer } from 'vite'
import { bestFirst } from './lan-addresses.ts'
import type { Pages } from './site-file.ts'

/** Where the pages of a listening Vite are. */
export function siteOf({ config, resolvedUrls }: ViteDevServer | PreviewServer): Pages {
  return siteAt(config, resolvedUrls ?? { local: [], network: [] })
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
