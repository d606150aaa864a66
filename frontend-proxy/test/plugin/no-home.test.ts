import { expect, test, vi } from 'vitest'
import { makeProject, openVite, STARTED, standIn } from './vite-project.ts'

// For a user without a name and without HOME, as in many containers, these two functions of Node.js
// throw this error.
vi.mock('node:os', async (original) => {
  const fail = () => {
    throw new Error('A system error occurred: uv_os_homedir returned ENOENT (no such file)')
  }
  return { ...(await original<typeof import('node:os')>()), homedir: fail, userInfo: fail }
})

test('without a home folder Vite starts, and the option stateDir is enough for the sidecar', async () => {
  vi.stubEnv('XDG_STATE_HOME', undefined)
  const project = makeProject()
  const { lines, url } = await openVite(project, {
    sidecar: standIn(),
    stateDir: project.stateDir,
  })
  await lines.match(STARTED)
  expect((await fetch(`${url}/ws/signaling`)).status).toBe(200)
})

test('without a home folder and without stateDir the sidecar is started anyway, and prints what helps', async () => {
  vi.stubEnv('XDG_STATE_HOME', undefined)
  const project = makeProject()
  const sidecar = standIn({ dieAtStart: true })
  const { lines, url } = await openVite(project, { sidecar })
  await lines.match(/the stand-in was told to die/)
  expect((await fetch(url)).status).toBe(200)
  expect((await fetch(`${url}/ws/signaling`)).status).toBe(503)
})

test('without a home folder https for the LAN is not possible, and one sentence says so', async () => {
  vi.stubEnv('XDG_CACHE_HOME', undefined)
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir, lan: true }
  const { lines } = await openVite(project, options)
  await lines.match(STARTED)
  expect(lines.all).toContainEqual(
    '[signaling] there is no home folder for the private key of the certificate; set XDG_CACHE_HOME; Vite continues without https',
  )
})
