import { readFile } from 'node:fs/promises'
import type { HtmlTagDescriptor, Plugin } from 'vite'
import { DEV_SERVER } from '../browser/default-url.ts'

/** A built script of this package, which the pages of the dev server run. */
export interface PageScript {
  /** The name of the script's folder in `dist`. The built file there contains the script and its dependencies. */
  readonly name: string
  /** Whether the script has to run before the app. If not, the app does not wait for the script. */
  readonly isFirst: boolean
}

/** Matches the path of Vite's own client, also if the package `vite` is installed under another name. */
const VITE_CLIENT = /[\\/]dist[\\/]client[\\/]client\.mjs(?:\?|$)/

/** Code that tells a `SignalingClient` where the dev server is, also on a page that another server has sent. */
const TELL_ORIGIN = `globalThis[Symbol.for('${DEV_SERVER}')] = new URL(import.meta.url).origin;`

/**
 * Returns hooks that add `TELL_ORIGIN`, and imports of these scripts, to the code of Vite's client. Every
 * page loads that client before its app, even if a framework writes the HTML and does not call
 * `transformIndexHtml` (SvelteKit, Astro).
 */
export function pageScriptHooks(
  scripts: readonly PageScript[],
): Pick<Plugin, 'resolveId' | 'load' | 'transform'> {
  const byUrl = new Map(scripts.map((script) => [urlOf(script), script]))
  return {
    resolveId: (id) => (byUrl.has(id) ? `\0${id}` : undefined),
    load: async (id) => {
      const script = byUrl.get(id.slice(1))
      return script && (await readFile(builtFile(script), 'utf8'))
    },
    transform: (code, id) => (VITE_CLIENT.test(id) ? withImports(code, scripts) : undefined),
  }
}

/** Returns the HTML tags that load the scripts. */
export function tagsOf(scripts: readonly PageScript[]): HtmlTagDescriptor[] {
  return scripts.map((script) => ({
    tag: 'script',
    attrs: { type: 'module' },
    children: `import ${JSON.stringify(urlOf(script))}`,
    injectTo: script.isFirst ? 'head-prepend' : 'body',
  }))
}

/** Adds code to Vite's client without changing the line numbers of the client's own code. */
function withImports(code: string, scripts: readonly PageScript[]): string {
  const first = scripts.filter(({ isFirst }) => isFirst)
  const later = scripts.filter(({ isFirst }) => !isFirst)
  const before = first.map((script) => `import '${urlOf(script)}';`)
  const after = later.map((script) => `\nimport('${urlOf(script)}')`)
  return [...before, TELL_ORIGIN, code, ...after].join('')
}

function urlOf({ name }: PageScript): string {
  return `/@signaling/${name}.js`
}

function builtFile({ name }: PageScript): URL {
  return new URL(`../${name}/page.mjs`, import.meta.url)
}
