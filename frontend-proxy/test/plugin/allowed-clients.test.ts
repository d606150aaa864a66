import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isOriginEntry } from '../../src/plugin/allowed-clients.ts'
import {
  makeProject,
  openVite,
  type Project,
  STARTED,
  siteFileOf,
  standIn,
} from './vite-project.ts'

// The sidecar's own tests read the same file.
const ORIGINS = JSON.parse(
  readFileSync(new URL('../../../tests/server/origins.json', import.meta.url), 'utf8'),
) as { entries: { entry: string }[]; wrong: string[] }

async function openWith(
  project: Project,
  allowedHosts: true | string[],
  allowedOrigins: string[] = [],
): Promise<string[]> {
  const options = { sidecar: standIn(), stateDir: project.stateDir, allowedOrigins }
  const { lines } = await openVite(project, options, { server: { allowedHosts } })
  await lines.match(STARTED)
  return lines.all.filter((line) => /allowedHosts|allowedOrigins/.test(line))
}

test('an entry for origins can be used here exactly when the sidecar can use it', () => {
  for (const { entry } of ORIGINS.entries) expect(isOriginEntry(entry), entry).toBe(true)
  for (const entry of ORIGINS.wrong) expect(isOriginEntry(entry), entry).toBe(false)
})

test('the sidecar is told the names and origins, by a file that follows an edited config', async () => {
  const project = makeProject()
  const said = await openWith(project, ['dev.test', '.ngrok-free.app'], ['vscode-webview://*'])
  expect(said).toEqual([])
  expect(siteFileOf(project)).toMatchObject({
    allowedHosts: ['dev.test', '.ngrok-free.app', '127.0.0.1'],
    allowedOrigins: ['vscode-webview://*'],
  })
})

test.each([
  ['https://x.test', "; write 'x.test'"],
  ['x.test:8443', "; write 'x.test'"],
  ['Dev.Test', "; write 'dev.test'"],
  ['müller.test', "; write 'xn--mller-kva.test'"],
  ['*.x.test', "; write '.x.test'"],
  ['*', ''],
  ['.', ''],
])('an entry that Vite itself never matches is one warning: %s', async (entry, instead) => {
  const project = makeProject()
  const sentence = `[signaling] allowedHosts: '${entry}' matches no page, neither here nor in Vite${instead}`
  expect(await openWith(project, [entry, entry, 'dev.test'])).toEqual([sentence])
  expect(siteFileOf(project).allowedHosts).not.toContain('*')
})

test('addresses, an empty entry and a dot at the end are not worth a word', async () => {
  const entries = ['[::1]', '::1', '10.0.0.1', '', 'x.test.']
  expect(await openWith(makeProject(), entries)).toEqual([])
})

test('true is every name, and what follows from that is said', async () => {
  const project = makeProject()
  const [said, ...more] = await openWith(project, true)
  expect(said).toMatch(/allowedHosts is true, .*DNS rebinding/)
  expect(more).toEqual([])
  expect(siteFileOf(project).allowedHosts).toEqual(['*'])
})

test('an origin that cannot be used is one warning, and the others are', async () => {
  const project = makeProject()
  const said = await openWith(project, [], ['app.example', 'app://.'])
  expect(said).toEqual([expect.stringContaining("allowedOrigins: 'app.example' allows no page")])
  expect(siteFileOf(project).allowedOrigins).toEqual(['app://.'])
})
