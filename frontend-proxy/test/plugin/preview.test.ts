import { once } from 'node:events'
import { createLogger, type InlineConfig, preview } from 'vite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type SignalingOptions, signaling } from '../../src/plugin/index.ts'
import {
  ANSWERS_EVERY_UPGRADE,
  expectNoWait,
  getEcho,
  isGone,
  Lines,
  makeProject,
  type Project,
  refusedUpgrade,
  STARTED,
  siteFileOf,
  standIn,
  urlOf,
} from './vite-project.ts'

async function openPreview(
  project: Project,
  options: SignalingOptions = {},
  config: InlineConfig = {},
) {
  vi.stubEnv('VITEST', undefined)
  vi.stubEnv('CI', undefined)
  onTestFinished(() => void vi.unstubAllEnvs())
  const lines = new Lines()
  const add = (line: string) => lines.add(line)
  const server = await preview({
    root: project.root,
    configFile: false,
    customLogger: { ...createLogger(), info: add, warn: add, warnOnce: add, error: add },
    build: { outDir: '.' },
    preview: { port: 0, host: '127.0.0.1' },
    plugins: [signaling({ sidecar: standIn(), stateDir: project.stateDir, ...options })],
    ...config,
  })
  onTestFinished(() => server.close())
  return { server, lines, url: urlOf(server.httpServer) }
}

test('vite preview starts a sidecar, which ends with it', async () => {
  const project = makeProject()
  const { server, lines, url } = await openPreview(project)
  await lines.match(STARTED)
  const { pid } = await getEcho(`${url}/ws/signaling/rooms`)
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/signaling`)
  onTestFinished(() => socket.terminate())
  await once(socket, 'message')
  expect(siteFileOf(project).local).toEqual([`${url}/`])
  server.printUrls()
  expect(lines.all.at(-1)).toContain(`${url.replace('http', 'ws')}/ws/signaling`)
  await server.close()
  await isGone(pid)
})

test('with vite preview too, another plugin that answers every upgrade does not get those for signaling', async () => {
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const plugins = [ANSWERS_EVERY_UPGRADE, signaling(options)]
  const { lines, url } = await openPreview(project, {}, { plugins })
  await lines.match(STARTED)
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/signaling`)
  onTestFinished(() => socket.terminate())
  await once(socket, 'message')
})

test('vite preview opens WebSockets to the sidecar of a team only under names in preview.allowedHosts', async () => {
  // No server listens at the target, so an upgrade that is not refused is answered with 503.
  const plugins = [signaling({ sidecar: false, target: 'http://0.0.0.0:9' })]
  const server = { allowedHosts: ['dev.test'] }
  const shown = { port: 0, host: '127.0.0.1', allowedHosts: ['preview.test'] }
  const { url } = await openPreview(makeProject(), {}, { plugins, server, preview: shown })
  const upgradeUnder = (host: string) => refusedUpgrade(`${url}/ws/signaling`, { host })
  expect((await upgradeUnder('preview.test')).status).toBe(503)
  const { status, text } = await upgradeUnder('dev.test')
  expect(status).toBe(403)
  expect(text).toContain('add it to preview.allowedHosts')
})

test("vite preview refuses the WebSockets of Vite's client in a page of an earlier dev server", async () => {
  const { lines, url } = await openPreview(makeProject())
  await lines.match(STARTED)
  await expectNoWait(url)
})

test("a user's rule in preview.proxy is used, and no sidecar is started", async () => {
  const config = { preview: { port: 0, proxy: { '/ws/signaling': 'http://127.0.0.1:9' } } }
  const { lines } = await openPreview(makeProject(), { sidecar: 'auto' }, config)
  expect(lines.all).toContainEqual(expect.stringContaining('preview.proxy has its own rule'))
})

test('with lan: true vite preview listens on the network, over https', async () => {
  vi.stubEnv('XDG_CACHE_HOME', makeProject().stateDir)
  const config = { preview: { port: 0 } }
  const { server } = await openPreview(makeProject(), { lan: true }, config)
  expect(server.config.preview.host).toBe(true)
  expect(server.resolvedUrls?.local[0]).toMatch(/^https:/)
})
