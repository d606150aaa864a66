import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { SiteFile } from '../../src/plugin/site-file.ts'
import { getEcho, isGone, makeProject, openVite, STARTED, standIn } from './vite-project.ts'

// Simulates files that cannot be removed, because the tests may run as root, who may remove all
// files.
const kept = vi.hoisted(() => ({ names: [] as string[] }))
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  const rmSync: typeof fs.rmSync = (file, options) => {
    if (kept.names.some((name) => String(file).endsWith(name))) {
      throw new Error(`EACCES: permission denied, unlink '${file}'`)
    }
    fs.rmSync(file, options)
  }
  return { ...fs, rmSync }
})

function keep(name: string): void {
  kept.names = [name]
  onTestFinished(() => {
    kept.names = []
  })
}

test('a site.json that cannot be removed is reported, and the sidecar ends with Vite', async () => {
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const { server, lines, url } = await openVite(project, options)
  await lines.match(STARTED)
  const { pid } = await getEcho(`${url}/ws/signaling`)
  keep('site.json')
  await server.close()
  await isGone(pid)
  expect(lines.all).toContainEqual(
    expect.stringMatching(/^\[signaling\] site\.json could not be removed: EACCES/),
  )
})

test('when the sidecar has another state folder, site.json is written there although the old one remains', () => {
  const { root, stateDir } = makeProject()
  const other = path.join(root, 'other')
  mkdirSync(other)
  const sentences: string[] = []
  const file = new SiteFile((sentence) => sentences.push(sentence))
  const urls = { name: 'app', local: ['http://localhost:5173/'], network: [] }
  file.describe({ ...urls, allowedHosts: [], allowedOrigins: [] })
  file.put(stateDir)
  keep('site.json')
  file.put(other)
  expect(existsSync(path.join(other, 'site.json'))).toBe(true)
  expect(sentences).toEqual([expect.stringMatching(/^site\.json could not be removed: EACCES/)])
})

test('an announcement to the tests that cannot be withdrawn is reported, and Vite closes', async () => {
  const project = makeProject()
  vi.stubEnv('XDG_STATE_HOME', path.join(project.stateDir, 'home'))
  const { server, lines, url } = await openVite(project, { sidecar: standIn(), test: true })
  await lines.match(STARTED)
  const { pid } = await getEcho(`${url}/ws/signaling`)
  keep('test-sidecar.json')
  await server.close()
  await isGone(pid)
  expect(lines.all).toContainEqual(expect.stringMatching(/^\[signaling\] EACCES.*test-sidecar/))
})
