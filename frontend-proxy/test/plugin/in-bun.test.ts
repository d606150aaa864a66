import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startSidecar } from '../../src/testing/start-sidecar.ts'
import { getEcho, makeProject, makeVite, STAND_IN, standIn, urlOf } from './vite-project.ts'

vi.mock('node:child_process', { spy: true })
vi.mock('node:net', async (original) => ({ ...(await original<object>()), Server: class {} }))

const node = await vi.importActual<typeof import('node:child_process')>('node:child_process')

test('a sidecar is started and stopped in Bun, where the stdin of a process has no ref and unref', async () => {
  const child = vi.mocked(spawn).mockImplementationOnce(((...args: Parameters<typeof spawn>) => {
    const started = node.spawn(...args)
    Object.assign(started.stdin ?? {}, { ref: undefined, unref: undefined })
    return started
  }) as typeof spawn).mock
  const command = [process.execPath, STAND_IN]
  const sidecar = await startSidecar({ project: makeProject().root, command })
  await sidecar.stop()
  expect(child.results[0]?.value.exitCode).toBe(0)
})

test('the server that runs Vite is found in Bun, where http.Server does not extend net.Server', async () => {
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const vite = await makeVite(project, options, { server: { middlewareMode: true } })
  const server = createServer(vite.server.middlewares).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  await fetch(urlOf(server))
  expect(await vite.lines.match(/inspector|middleware mode/)).toMatch(/inspector: http:/)
  expect((await getEcho(`${urlOf(server)}/ws/signaling`)).url).toBe('/ws/signaling')
})
