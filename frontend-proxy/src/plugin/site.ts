import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { ViteDevServer } from 'vite'
import { bestFirst } from './lan-addresses.ts'
import type { LetIn } from './let-in.ts'
import type { Site } from './site-file.ts'

/** Where the pages of a listening Vite are, and who may signal besides. */
export function siteOf({ config, resolvedUrls }: ViteDevServer, letIn: LetIn): Site {
  const network = bestFirst(resolvedUrls?.network ?? []).map(({ url }) => url)
  return { name: nameOf(config.root), local: resolvedUrls?.local ?? [], network, ...letIn }
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
