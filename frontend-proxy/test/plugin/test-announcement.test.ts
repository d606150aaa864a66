import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { projectStateFolder } from '../../src/plugin/state-folder.ts'
import { connectToSidecar } from '../../src/testing/connect-to-sidecar.ts'
import {
  getEcho,
  makeProject,
  makeVite,
  openVite,
  type Project,
  runVite,
  STARTED,
  standIn,
  urlOf,
} from './vite-project.ts'

const OPTIONS = { sidecar: standIn(), test: true }

function makePrivateProject(): Project {
  const project = makeProject()
  vi.stubEnv('XDG_STATE_HOME', project.stateDir)
  return project
}

async function foundSidecar({ root }: Project): Promise<number> {
  const { url } = await connectToSidecar({ project: root })
  return (await getEcho(url.replace(/^ws/, 'http'))).pid
}

test('tests find the sidecar of a Vite in middleware mode also after that Vite has restarted', async () => {
  const project = makePrivateProject()
  const server = createServer()
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const vite = await makeVite(project, OPTIONS, { server: { middlewareMode: { server } } })
  await vite.lines.match(STARTED)
  const { pid } = await getEcho(`${urlOf(server)}/ws/signaling`)
  await vite.server.restart()
  expect(await foundSidecar(project)).toBe(pid)
})

test('a second Vite of the project, for Playwright, does not change the sidecar of the Vitest tests', async () => {
  const project = makePrivateProject()
  const { server, lines, url } = await openVite(project, OPTIONS)
  await lines.match(STARTED)
  const { pid } = await getEcho(`${url}/ws/signaling`)
  const second = runVite(project, OPTIONS)
  await second.lines.match(STARTED)
  // The tests of Vitest's browser mode ask in the process of their Vite.
  expect(await foundSidecar(project)).toBe(pid)
  await server.close()
  expect(await foundSidecar(project)).not.toBe(pid)
  const gone = once(second.process, 'exit')
  second.process.kill('SIGKILL')
  await gone
  await expect(foundSidecar(project)).rejects.toThrow('no sidecar is running')
})

test('tests find the sidecar of a Vite again when its announcement was deleted', async () => {
  const project = makePrivateProject()
  const { lines, url } = await openVite(project, OPTIONS)
  await lines.match(STARTED)
  const { pid } = await getEcho(`${url}/ws/signaling`)
  rmSync(path.join(projectStateFolder(project.root) ?? '', 'test-sidecar.json'))
  const found = () => foundSidecar(project).catch(() => undefined)
  await vi.waitUntil(async () => (await found()) === pid, { timeout: 20_000 })
})
