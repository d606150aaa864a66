import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import type { SignalingOptions } from '../../src/plugin/index.ts'
import { projectStateFolder } from '../../src/plugin/state-folder.ts'
import { makeProject, type OpenVite, openVite, STARTED, standIn } from './vite-project.ts'

/** Creates a repository, and returns a function that creates an app in it and starts Vite there. */
function makeRepository(): {
  repository: string
  openApp: (name: string, more?: SignalingOptions) => Promise<OpenVite>
} {
  const { root: repository, stateDir } = makeProject()
  mkdirSync(path.join(repository, '.git'))
  vi.stubEnv('XDG_STATE_HOME', stateDir)
  const openApp = async (name: string, more: SignalingOptions = {}) => {
    const root = path.join(repository, 'apps', name)
    mkdirSync(root, { recursive: true })
    writeFileSync(path.join(root, 'package.json'), '{ "type": "module" }')
    // A real sidecar computes the project's state folder itself. The stand-in does not, so the test
    // passes the folder.
    const sidecar = standIn({ stateDir: projectStateFolder(root) ?? '' })
    const vite = await openVite({ root, stateDir: '' }, { sidecar, ...more })
    await vite.lines.match(STARTED)
    return vite
  }
  return { repository, openApp }
}

test('each of two apps in one repository reports once that the other runs its own sidecar', async () => {
  const { repository, openApp } = makeRepository()
  const one = await openApp('one')
  const two = await openApp('two')
  const [inOne, inTwo] = await Promise.all([
    one.lines.match(/apps\/two runs its own sidecar/),
    two.lines.match(/apps\/one runs its own sidecar/),
  ])
  for (const line of [inOne, inTwo]) expect(line).toContain(`"sidecar serve" in ${repository}`)
  expect(two.lines.all.filter((line) => line.includes('do not meet'))).toHaveLength(1)
})

test('an app with a sidecar for tests, which no other app can share, is not told about other apps', async () => {
  const { openApp } = makeRepository()
  await openApp('one')
  const { lines, url } = await openApp('two', { test: true, sidecar: standIn() })
  await vi.waitFor(async () => expect((await fetch(`${url}/ws/signaling`)).ok).toBe(true))
  expect(lines.all.filter((line) => line.includes('do not meet'))).toEqual([])
})

test('apps in different repositories do not report each other', async () => {
  const { openApp } = makeRepository()
  await openApp('one')
  const state = process.env.XDG_STATE_HOME
  const elsewhere = makeRepository()
  vi.stubEnv('XDG_STATE_HOME', state)
  const other = await elsewhere.openApp('other')
  other.server.printUrls()
  await vi.waitFor(async () => expect((await fetch(`${other.url}/ws/signaling`)).ok).toBe(true))
  expect(other.lines.all.filter((line) => line.includes('do not meet'))).toEqual([])
})
