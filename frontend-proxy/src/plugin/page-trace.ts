import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** The URL of the tracer, which Vite's client imports. */
const URL_PATH = '/@signaling/trace.js'
const MODULE_ID = `\0${URL_PATH}`
/** The built tracer. It contains its dependencies, so the project need not resolve them. */
const BUILT = fileURLToPath(new URL('../trace/page.mjs', import.meta.url))

/** Matches Vite's own client, also if the package `vite` is installed under another name. */
const VITE_CLIENT = /[\\/]dist[\\/]client[\\/]client\.mjs(?:\?|$)/

/**
 * Adds an import of the tracer to Vite's client. Every page loads that client before its app, even if
 * a framework writes the HTML and does not call `transformIndexHtml` (SvelteKit, Astro).
 */
export function importTrace(code: string, id: string): string | undefined {
  // The import is added to the first line, so the line numbers do not change.
  return VITE_CLIENT.test(id) ? `import '${URL_PATH}';${code}` : undefined
}

export function resolveTrace(id: string): string | undefined {
  return id === URL_PATH ? MODULE_ID : undefined
}

export async function loadTrace(id: string): Promise<string | undefined> {
  return id === MODULE_ID ? await readFile(BUILT, 'utf8') : undefined
}
