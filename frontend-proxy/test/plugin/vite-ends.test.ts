import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  configSource,
  getEcho,
  isAlive,
  isGone,
  makeProject,
  type RunningVite,
  runVite,
  STARTED,
  standIn,
} from './vite-project.ts'

// However Vite ends, its sidecar must end, too.

async function sidecarOf({ lines }: RunningVite): Promise<{ pid: number; url: string }> {
  const endpoint = await lines.match(/Signaling: ws:/)
  await lines.match(STARTED)
  const url = endpoint.replace(/^.*Signaling: ws/, 'http').trim()
  const { pid } = await getEcho(url)
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  return { pid, url }
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
  '%s to Vite alone ends the sidecar',
  async (signal) => {
    const project = makeProject()
    const vite = runVite(project, { sidecar: standIn(), stateDir: project.stateDir })
    const { pid } = await sidecarOf(vite)
    vite.process.kill(signal)
    await once(vite.process, 'exit')
    await isGone(pid)
  },
)

test('Ctrl-C, which is sent to the whole process group, ends both', async () => {
  const project = makeProject()
  const vite = runVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  const { pid } = await sidecarOf(vite)
  process.kill(-(vite.process.pid ?? Number.NaN), 'SIGINT')
  await once(vite.process, 'exit')
  await isGone(pid)
})

test('closing the terminal ends both', async () => {
  const project = makeProject()
  // The wrapper runs Vite in a pseudo-terminal. Killing the wrapper closes this terminal, as a user
  // does by closing the window of a terminal.
  const window = ['python3', '-c', 'import pty, sys; pty.spawn(sys.argv[1:])']
  const vite = runVite(project, { sidecar: standIn(), stateDir: project.stateDir }, window)
  const { pid, url } = await sidecarOf(vite)
  vite.process.kill('SIGKILL')
  await once(vite.process, 'exit')
  await isGone(pid)
  await expect(fetch(url)).rejects.toThrow()
})

test('an edited config keeps the running sidecar, which ends with Vite', async () => {
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const vite = runVite(project, options)
  const { pid } = await sidecarOf(vite)
  const port = 20_000 + (pid % 10_000)
  const edit = () =>
    writeFileSync(path.join(project.root, 'vite.config.js'), configSource(options, port))
  edit()
  // The edit is repeated, because a slow Vite may begin to watch the file only after the first
  // edit.
  const again = setInterval(edit, 5000)
  onTestFinished(() => clearInterval(again))
  await vite.lines.match(/server restarted/)
  clearInterval(again)
  const endpoint = await vite.lines.match(/Signaling: ws:/, 2)
  expect((await getEcho(endpoint.replace(/^.*Signaling: ws/, 'http').trim())).pid).toBe(pid)
  vite.process.kill('SIGKILL')
  await isGone(pid)
})
