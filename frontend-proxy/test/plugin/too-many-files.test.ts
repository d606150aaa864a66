import { spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { expect, test, vi } from 'vitest'
import { makeProject, openVite, standIn } from './vite-project.ts'

vi.mock('node:child_process', { spy: true })

// What Node.js returns if the process may open no more files: there are no pipes, `error` follows, and no `close`.
function tooManyFiles() {
  const child = new EventEmitter()
  process.nextTick(() => child.emit('error', new Error('spawn EMFILE')))
  return child as ReturnType<typeof spawn>
}

test('if Vite has too many open files to start a sidecar, one sentence says so, and Vite continues', async () => {
  vi.mocked(spawn).mockImplementationOnce(tooManyFiles)
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const { lines, url } = await openVite(project, options)
  expect(await lines.match(/too many open files/)).toMatch(/; Vite continues without signaling$/)
  await vi.waitUntil(async () => (await fetch(`${url}/ws/signaling`)).ok, { timeout: 20_000 })
})
