import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** What Vite's client imports: a module of this plugin's. */
const URL_PATH = '/@signaling/trace.js'
const MODULE_ID = `\0${URL_PATH}`
/** Built beside the plugin, with all that it imports: nothing is left for the project to resolve. */
const BUILT = fileURLToPath(new URL('../trace/page.mjs', import.meta.url))

/** Vite's own client, under whatever name Vite is installed. */
const VITE_CLIENT = /[\\/]dist[\\/]client[\\/]client\.mjs(?:\?|$)/

/**
 * Has Vite's client import the tracer. Every page has that client, before its app, also where a
 * framework writes the HTML and never asks for `transformIndexHtml` (SvelteKit, Astro).
 */
export function importTrace(code: string, id: string): string | undefined {
  // On the first line, so that the others keep their numbers.
  return VITE_CLIENT.test(id) ? `import '${URL_PATH}';${code}` : undefined
}

export function resolveTrace(id: string): string | undefined {
  return id === URL_PATH ? MODULE_ID : undefined
}

export async function loadTrace(id: string): Promise<string | undefined> {
  return id === MODULE_ID ? await readFile(BUILT, 'utf8') : undefined
}
