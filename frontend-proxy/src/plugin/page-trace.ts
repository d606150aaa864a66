import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { HtmlTagDescriptor } from 'vite'

/** What the page asks for. Vite serves it as a module of this plugin's. */
const URL_PATH = '/@signaling/trace.js'
const MODULE_ID = `\0${URL_PATH}`
/** Built beside the plugin, with all that it imports: nothing is left for the project to resolve. */
const BUILT = fileURLToPath(new URL('../trace/page.mjs', import.meta.url))

/** Before all other modules of the page: who makes a connection at once is seen too. */
export function traceTag(base: string): HtmlTagDescriptor {
  const src = `${base.replace(/\/$/, '')}${URL_PATH}`
  return { tag: 'script', attrs: { type: 'module', src }, injectTo: 'head-prepend' }
}

export function resolveTrace(id: string): string | undefined {
  return id === URL_PATH ? MODULE_ID : undefined
}

export async function loadTrace(id: string): Promise<string | undefined> {
  return id === MODULE_ID ? await readFile(BUILT, 'utf8') : undefined
}
