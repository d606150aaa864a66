import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const SOURCE = new URL('../src/', import.meta.url)

/** The table of messages, and in each row the first text in backticks. */
const [, table = ''] = README.split('## When something does not work')
const quoted = [...table.matchAll(/^\|[^`|]*`([^`]+)` \| (?:terminal|console) \|/gm)].map(
  ([, message = '']) => message,
)

test('the README quotes only messages that the plugin and the client print', () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  const sources = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(new URL(file, SOURCE), 'utf8'))
    .join('\n')
  expect(quoted.length).toBeGreaterThan(5)
  for (const message of quoted) {
    for (const part of message.split('…').map((text) => text.trim())) {
      expect(sources.includes(part), part).toBe(true)
    }
  }
})
