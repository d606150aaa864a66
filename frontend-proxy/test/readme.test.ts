import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
/**
 * The sources of the plugin, of the client, and of the sidecar, which also prints in Vite's
 * terminal.
 */
const SOURCES = ['../src/', '../../sidecar/signaling_sidecar/'].map(
  (path) => new URL(path, import.meta.url),
)

/** The README's table of messages. `quoted` contains the first text in backticks of each row. */
const [, table = ''] = README.split('## When something does not work')
const quoted = [...table.matchAll(/^\|[^`|]*`([^`]+)` \| (?:terminal|console) \|/gm)].map(
  ([, message = '']) => message,
)

function codeIn(folder: URL): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|py)$/.test(file))
    .map((file) => readFileSync(new URL(file, folder), 'utf8'))
}

test('the README quotes only messages that the plugin, the client and the sidecar print', () => {
  const sources = SOURCES.flatMap(codeIn).join('\n')
  expect(quoted.length).toBeGreaterThan(5)
  for (const message of quoted) {
    for (const part of message.split('…').map((text) => text.trim())) {
      expect(sources.includes(part), part).toBe(true)
    }
  }
})
