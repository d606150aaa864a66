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

// The sidecar's tests use the same file, so that both sides accept the same entries.
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

test('an origin entry is accepted here exactly if the sidecar accepts it', () => {
  for (const { entry } of ORIGINS.entries) expect(isOriginEntry(entry), entry).toBe(true)
  for (const entry of ORIGINS.wrong) expect(isOriginEntry(entry), entry).toBe(false)
})

test('site.json contains the names and origins, also after the config was edited', async () => {
  const project = makeProject()
  const warnings = await openWith(project, ['dev.test', '.ngrok-free.app'], ['vscode-webview://*'])
  expect(warnings).toEqual([])
  expect(siteFileOf(project)).toMatchObject({
    allowedHosts: ['dev.test', '.ngrok-free.app', '127.0.0.1'],
    allowedOrigins: ['vscode-webview://*'],
  })
})

test('pages of the origins that the option cors of Vite names may connect, but not those of patterns', async () => {
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir, allowedOrigins: ['file://'] }
  const origin = ['http://app.test:8000', /evil/, '*', 'http://*.evil.test', 'no origin']
  const { lines } = await openVite(project, options, { server: { cors: { origin } } })
  await lines.match(STARTED)
  expect(siteFileOf(project).allowedOrigins).toEqual(['file://', 'http://app.test:8000'])
})

test.each([
  ['https://x.test', "; write 'x.test'"],
  ['x.test:8443', "; write 'x.test'"],
  ['Dev.Test', "; write 'dev.test'"],
  ['müller.test', "; write 'xn--mller-kva.test'"],
  ['*.x.test', "; write '.x.test'"],
  ['*', ''],
  ['.', ''],
])('an entry that never matches in Vite is reported in one warning: %s', async (entry, instead) => {
  const project = makeProject()
  const sentence = `[signaling] allowedHosts: '${entry}' matches no page, neither here nor in Vite${instead}`
  expect(await openWith(project, [entry, entry, 'dev.test'])).toEqual([sentence])
  expect(siteFileOf(project).allowedHosts).not.toContain('*')
})

test('addresses, an empty entry and a final dot cause no warning', async () => {
  const entries = ['[::1]', '::1', '10.0.0.1', '', 'x.test.']
  expect(await openWith(makeProject(), entries)).toEqual([])
})

test('true allows every name, with a warning about the consequences', async () => {
  const project = makeProject()
  const [warnings, ...more] = await openWith(project, true)
  expect(warnings).toMatch(/allowedHosts is true, .*DNS rebinding/)
  expect(more).toEqual([])
  expect(siteFileOf(project).allowedHosts).toEqual(['*'])
})

test('an invalid origin is reported in one warning, and the others are used', async () => {
  const project = makeProject()
  const warnings = await openWith(project, [], ['app.example', 'app://.'])
  expect(warnings).toEqual([
    expect.stringContaining("allowedOrigins: 'app.example' allows no page"),
  ])
  expect(siteFileOf(project).allowedOrigins).toEqual(['app://.'])
})
