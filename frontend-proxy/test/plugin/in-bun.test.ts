import { spawn } from 'node:child_process'
import { expect, test, vi } from 'vitest'
import { startSidecar } from '../../src/testing/start-sidecar.ts'
import { makeProject, STAND_IN } from './vite-project.ts'

vi.mock('node:child_process', { spy: true })

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
