import { existsSync, readdirSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connectToSidecar } from '../../src/testing/connect-to-sidecar.ts'
import { SidecarNotFoundError, SidecarStartError } from '../../src/testing/errors.ts'
import { startSidecar } from '../../src/testing/start-sidecar.ts'
import { makeProject, STAND_IN } from './vite-project.ts'

const command = [process.execPath, STAND_IN]

test('the temporary folder of a started sidecar is deleted when the sidecar is stopped', async () => {
  const { root, stateDir: temporary } = makeProject()
  vi.stubEnv('TMPDIR', temporary)
  onTestFinished(() => void vi.unstubAllEnvs())
  const sidecar = await startSidecar({ project: root, command })
  expect(readdirSync(temporary)).toEqual([expect.stringMatching(/^signaling-test-/)])
  await sidecar.stop()
  expect(readdirSync(temporary)).toEqual([])
})

test('a state folder that the caller has named is kept when the sidecar is stopped', async () => {
  const { root, stateDir } = makeProject()
  const sidecar = await startSidecar({ project: root, command, args: ['--state-dir', stateDir] })
  await sidecar.stop()
  expect(existsSync(stateDir)).toBe(true)
})

test.each([
  [command, 'exited with code 2: sidecar: the stand-in was told to die', false],
  ['/no/such/program', 'could not be started: spawn /no/such/program ENOENT', true],
])('the error for %j says what to install if it is missing', async (program, reason, isMissing) => {
  const { root } = makeProject()
  const env = { STAND_IN: '{"dieAtStart":true}' }
  const error = await startSidecar({ project: root, command: program, env }).catch((it) => it)
  expect(error).toBeInstanceOf(SidecarStartError)
  const attempt = `${[program].flat()[0]} ${reason}`
  const step =
    '\n→ install it with "pip install signaling-sidecar" (in .venv or on PATH), or install uv'
  expect(error.message).toBe(isMissing ? attempt + step : attempt)
})

test('if Vitest has started no sidecar, the error says what to call instead', async () => {
  const looking = connectToSidecar({ project: makeProject().root })
  await expect(looking).rejects.toThrow('only in browser mode; in other tests, call startSidecar()')
})

test('if the folder of the app does not exist, the error says so', async () => {
  const project = `${makeProject().root}/no-such-folder`
  const connecting = connectToSidecar({ project })
  await expect(connecting).rejects.toThrow(
    `no sidecar is running for the app in ${project}, which is not a folder\n→ start its Vite`,
  )
  await expect(connecting).rejects.toThrow(SidecarNotFoundError)
  await expect(startSidecar({ project, command })).rejects.toThrow(
    new SidecarStartError([`the app cannot be in ${project}, which is not a folder`], false),
  )
})
