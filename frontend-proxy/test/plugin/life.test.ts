import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import path from 'node:path'
import { type Plugin, resolveConfig } from 'vite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type SignalingOptions, signaling } from '../../src/plugin/index.ts'
import {
  getEcho,
  isGone,
  makeProject,
  type OpenVite,
  openVite,
  type Project,
  refusedUpgrade,
  STAND_IN,
  STARTED,
  standIn,
} from './vite-project.ts'

async function pidBehind({ url }: OpenVite): Promise<number> {
  return (await getEcho(`${url}/ws/signaling`)).pid
}

/** Starts the stand-in for a sidecar without Vite, as a user may start a sidecar by hand. */
async function startByHand(
  { root, stateDir }: Project,
  port = '0',
  more: readonly string[] = [],
): Promise<number> {
  const args = ['serve', '--port', port, '--project', root, '--state-dir', stateDir, ...more]
  const child = spawn(process.execPath, [STAND_IN, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child.pid ?? 0
}

test('the sidecar starts on a free port, for this project, and exits when its stdin is closed', async () => {
  const { root, stateDir } = makeProject()
  const { lines } = await openVite({ root, stateDir }, { sidecar: standIn(), stateDir })
  expect(await lines.match(STARTED)).toContain(
    `serve --port 0 --project ${root} --exit-on-stdin-eof --reload auto --state-dir ${stateDir}`,
  )
})

test("the project is the folder with package.json, also if Vite's root is below it", async () => {
  const { root, stateDir } = makeProject()
  mkdirSync(path.join(root, 'app'))
  const options = { sidecar: standIn(), stateDir }
  const { lines } = await openVite({ root: path.join(root, 'app'), stateDir }, options)
  expect(await lines.match(STARTED)).toContain(`--project ${root} `)
})

test("the path of the hooks file is relative to Vite's root", async () => {
  const { root, stateDir } = makeProject()
  const options = { sidecar: standIn(), stateDir, hooks: 'signaling_hooks.py' }
  const { lines } = await openVite({ root, stateDir }, options)
  expect(await lines.match(STARTED)).toContain(`--hooks ${root}/signaling_hooks.py`)
})

test('a port and more arguments are passed to the sidecar', async () => {
  const { root, stateDir } = makeProject()
  const sidecar = { ...(standIn() as object), port: 0, args: ['--allow-host', 'mine.test'] }
  const { lines } = await openVite({ root, stateDir }, { sidecar, stateDir })
  expect(await lines.match(STARTED)).toMatch(/--port 0 .*--allow-host mine\.test$/)
})

test('the sidecar ends when Vite closes', async () => {
  const project = makeProject()
  const vite = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  await vite.lines.match(STARTED)
  const pid = await pidBehind(vite)
  await vite.server.close()
  await isGone(pid)
})

test("Vite's own restart keeps the running sidecar", async () => {
  const project = makeProject()
  const vite = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  await vite.lines.match(STARTED)
  const pid = await pidBehind(vite)
  await vite.server.restart()
  expect(vite.lines.all).toContainEqual('server restarted.')
  expect(await pidBehind(vite)).toBe(pid)
  expect(vite.lines.all.filter((line) => STARTED.test(line))).toHaveLength(1)
  await vite.server.close()
  await isGone(pid)
})

test('changed options in an edited config start another sidecar', async () => {
  const project = makeProject()
  const sidecar = { ...(standIn() as object), args: ['--allow-host', 'old.test'] }
  const vite = await openVite(project, { sidecar, stateDir: project.stateDir })
  await vite.lines.match(/old\.test/)
  const pid = await pidBehind(vite)
  sidecar.args = ['--allow-host', 'new.test']
  await vite.server.restart()
  await vite.lines.match(/new\.test/)
  await isGone(pid)
  expect(await pidBehind(vite)).not.toBe(pid)
})

test('a plugin may replace the config of the server with a copy, as that of Cloudflare does', async () => {
  const { root, stateDir } = makeProject()
  const copying: Plugin = {
    name: 'copying',
    enforce: 'pre',
    configureServer(server) {
      server.config = { ...server.config, inlineConfig: {} }
    },
  }
  const options = { sidecar: standIn(), stateDir }
  const vite = await openVite({ root, stateDir }, options, { plugins: [copying] })
  await vite.lines.match(STARTED)
  const pid = await pidBehind(vite)
  vite.server.printUrls()
  await vite.lines.match(/➜ {2}Signaling:/)
  await vite.server.close()
  await isGone(pid)
})

test('a killed sidecar is restarted, and the proxy uses its new port', async () => {
  const project = makeProject()
  const vite = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  await vite.lines.match(STARTED)
  const pid = await pidBehind(vite)
  process.kill(pid, 'SIGKILL')
  await vite.lines.match(/was ended by SIGKILL; restarting it in 1 s/)
  await vite.lines.match(STARTED, 2)
  expect(await pidBehind(vite)).not.toBe(pid)
})

test('a sidecar that never becomes ready is started 4 times, and then one sentence is printed', async () => {
  const project = makeProject()
  const sidecar = standIn({ dieAtStart: true })
  const { lines, url } = await openVite(project, { sidecar, stateDir: project.stateDir })
  const last = await lines.match(/gave up after 4 starts/)
  expect(last).toContain('exited with code 2: sidecar: the stand-in was told to die')
  expect(lines.all.filter((line) => /restarting it in [124] s/.test(line))).toHaveLength(3)
  expect((await fetch(`${url}/ws/signaling`)).status).toBe(503)
})

test('a program that cannot be started is reported, and Vite continues', async () => {
  const project = makeProject()
  const sidecar = { command: '/no/such/program' }
  const { lines, url } = await openVite(project, { sidecar, stateDir: project.stateDir })
  await lines.match(/spawn \/no\/such\/program ENOENT; restarting it/)
  expect((await fetch(url)).status).toBe(200)
  await lines.match(/spawn \/no\/such\/program ENOENT; gave up after 4 starts/)
  expect(lines.all.filter((line) => line.includes('ENOENT'))).toHaveLength(2)
})

test('if no program is found, one sentence says what to install, and Vite continues', async () => {
  const project = makeProject()
  vi.stubEnv('PATH', '')
  vi.stubEnv('VIRTUAL_ENV', undefined)
  const { lines, url } = await openVite(project, { stateDir: project.stateDir })
  await lines.match(/pip install signaling-sidecar/)
  expect((await fetch(url)).status).toBe(200)
  expect((await fetch(`${url}/ws/signaling`)).status).toBe(503)
  expect((await refusedUpgrade(`${url}/ws/signaling`)).status).toBe(503)
})

test('a sidecar that is already running is used with its own hooks, and is not ended', async () => {
  const project = makeProject()
  const pid = await startByHand(project, '0', ['--hooks', 'others.py'])
  const vite = await openVite(project, { stateDir: project.stateDir, hooks: 'hooks.py' })
  await vite.lines.match(/using the sidecar that is already running/)
  await vite.lines.match(/the option hooks has no effect on it/)
  expect(await pidBehind(vite)).toBe(pid)
  await vite.server.close()
  expect(() => process.kill(pid, 0)).not.toThrow()
})

test('a sidecar that is already running with the same hooks file causes no warning', async () => {
  const project = makeProject()
  const { root, stateDir } = project
  const link = path.join(path.dirname(root), 'link')
  symlinkSync(root, link)
  writeFileSync(path.join(root, 'hooks.py'), '')
  await startByHand(project, '0', ['--hooks', path.join(link, 'hooks.py')])
  const { lines } = await openVite(project, { stateDir, hooks: 'hooks.py' })
  await lines.match(/using the sidecar that is already running/)
  expect(lines.all.join('\n')).not.toContain('hooks')
})

test('if another Vite starts a sidecar at the same time, that one is used, and no error is printed', async () => {
  const project = makeProject()
  const { root, stateDir } = project
  const pid = await startByHand(project)
  const [runtime, hidden] = [path.join(stateDir, 'runtime.json'), path.join(stateDir, 'hidden')]
  renameSync(runtime, hidden)
  // The other sidecar has locked the state folder, and begins to listen a moment later.
  const script = `#!/bin/sh\necho "sidecar: another is running" >&2\nmv "${hidden}" "${runtime}"\nexit 3\n`
  const bin = path.join(root, '.venv', 'bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(path.join(bin, 'signaling-sidecar'), script, { mode: 0o755 })
  vi.stubEnv('VIRTUAL_ENV', undefined)
  const vite = await openVite(project, { stateDir })
  await vite.lines.match(/using the sidecar that is already running/)
  expect(vite.lines.all.filter((line) => line.includes('[signaling]'))).toHaveLength(1)
  expect(await pidBehind(vite)).toBe(pid)
})

test('when a sidecar that was already running exits, the next request starts another one', async () => {
  const project = makeProject()
  const pid = await startByHand(project)
  const { stateDir } = project
  const vite = await openVite(project, { sidecar: standIn(), stateDir })
  await vite.lines.match(/using the sidecar that is already running/)
  process.kill(pid, 'SIGKILL')
  await isGone(pid)
  // The plugin searches for a sidecar at most once per second, so the request is repeated, as
  // clients do.
  await vi.waitUntil(async () => (await fetch(`${vite.url}/ws/signaling`)).ok, { timeout: 20_000 })
  expect(await pidBehind(vite)).not.toBe(pid)
})

test("when another project's sidecar takes the port of one that was running, pages do not reach it", async () => {
  const project = makeProject()
  const { stateDir } = project
  const pid = await startByHand(project)
  const vite = await openVite(project, { sidecar: standIn(), stateDir })
  const line = await vite.lines.match(/using the sidecar that is already running/)
  expect(await pidBehind(vite)).toBe(pid)
  process.kill(pid, 'SIGKILL')
  await isGone(pid)
  const port = /:(\d+)\)/.exec(line)?.[1]
  const other = await startByHand(makeProject(), port)
  const pids = await Promise.all([pidBehind(vite), pidBehind(vite)])
  expect(pids[0]).toBe(pids[1])
  expect([pid, other]).not.toContain(pids[0])
  await vite.lines.match(/has ended, and another sidecar answers there now$/)
})

test.each<[string, (socket: Socket) => unknown, RegExp]>([
  [
    'answers with HTTP',
    (socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'),
    /has ended, and another program answers there now$/,
  ],
  [
    'does not speak HTTP',
    (socket) => socket.write('SSH-2.0-OpenSSH_9\r\n'),
    /has ended, and another program answers there now$/,
  ],
  ['answers nothing', () => {}, /has ended$/],
])(
  'when a program that %s takes the port of a sidecar that was running, pages do not reach it',
  async (_, answer, sentence) => {
    const project = makeProject()
    const { stateDir } = project
    const pid = await startByHand(project)
    const vite = await openVite(project, { sidecar: standIn(), stateDir })
    const line = await vite.lines.match(/using the sidecar that is already running/)
    process.kill(pid, 'SIGKILL')
    await isGone(pid)
    const port = Number(/:(\d+)\)/.exec(line)?.[1])
    const sockets: Socket[] = []
    const program = createServer((socket) => {
      sockets.push(socket.on('error', () => {}))
      answer(socket)
    })
    await once(program.listen(port, '127.0.0.1'), 'listening')
    onTestFinished(() => {
      program.close()
      for (const socket of sockets) socket.destroy()
    })
    const pids = await Promise.all([pidBehind(vite), pidBehind(vite)])
    expect(pids[0]).toBe(pids[1])
    const ends = vite.lines.all.filter((text) => text.includes('has ended'))
    expect(ends).toEqual([expect.stringMatching(sentence)])
    expect(ends[0]).toContain(`(pid ${pid}, http://127.0.0.1:${port})`)
  },
)

test.each([
  ['VITEST', 'true', 'auto' as const],
  ['VITEST', 'true', standIn()],
  ['CI', 'true', 'auto' as const],
])('with %s=%s no sidecar is started for %j', async (name, value, sidecar) => {
  const project = makeProject()
  const { lines } = await openVite(
    project,
    { sidecar, stateDir: project.stateDir },
    { plugins: [{ name: 'set-environment', config: () => void vi.stubEnv(name, value) }] },
  )
  expect(await lines.match(/no sidecar was started/)).toContain(`${name} is set`)
})

test('in CI a sidecar is started if the option is an object', async () => {
  const project = makeProject()
  const { lines } = await openVite(
    project,
    { sidecar: standIn(), stateDir: project.stateDir },
    { plugins: [{ name: 'set-environment', config: () => void vi.stubEnv('CI', 'true') }] },
  )
  await lines.match(STARTED)
})

test('if the plugin is in a config twice, only the first one is used, and one sentence says so', async () => {
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const second = signaling({ sidecar: false, trace: true })
  const { server, lines, url } = await openVite(project, options, { plugins: [second] })
  await lines.match(STARTED)
  server.printUrls()
  expect(lines.all.filter((line) => /twice/.test(line))).toHaveLength(1)
  expect(lines.all.filter((line) => /Signaling:/.test(line))).toHaveLength(1)
  expect(lines.all.join('\n')).not.toContain('has its own rule')
  expect((await getEcho(`${url}/ws/signaling`)).url).toBe('/ws/signaling')
  expect(await (await fetch(`${url}/@vite/client`)).text()).not.toContain('/@signaling/')
})

test('if one plugin object is in a config twice, it is used once, and one sentence says so', async () => {
  const project = makeProject()
  const one = signaling({ sidecar: standIn(), stateDir: project.stateDir, trace: true })
  const { server, lines, url } = await openVite(project, {}, {}, [one, one])
  await lines.match(STARTED)
  server.printUrls()
  expect(lines.all.filter((line) => /twice/.test(line))).toHaveLength(1)
  expect(lines.all.filter((line) => /Signaling:/.test(line))).toHaveLength(1)
  expect(lines.all.join('\n')).not.toContain('has its own rule')
  expect((await getEcho(`${url}/ws/signaling`)).url).toBe('/ws/signaling')
})

test('vite build does not use the plugin', async () => {
  const { root } = makeProject()
  const inline = { root, configFile: false as const, plugins: [signaling()] }
  const { plugins, server } = await resolveConfig(inline, 'build')
  expect(plugins.map(({ name }) => name)).not.toContain(signaling().name)
  expect(server.proxy).toBeUndefined()
})

test('a sidecar of another release is reported in one warning', async () => {
  const project = makeProject()
  const sidecar = standIn({ version: '0.2.0' })
  const { lines } = await openVite(project, { sidecar, stateDir: project.stateDir })
  expect(await lines.match(/different releases/)).toContain('signaling-sidecar 0.2.0')
})

test('a sidecar of another patch release causes no warning', async () => {
  const project = makeProject()
  const sidecar = standIn({ version: '0.1.9' })
  const { lines } = await openVite(project, { sidecar, stateDir: project.stateDir })
  await lines.match(STARTED)
  expect(lines.all.join('\n')).not.toContain('different releases')
})

test.each(['state', '/state', '../state'])(
  'a state folder that Vite serves is refused in one sentence, and Vite continues: %s',
  async (place) => {
    const { root } = makeProject()
    const options: SignalingOptions = { stateDir: path.join(root, 'deep', place) }
    mkdirSync(path.join(root, 'deep'))
    const { lines, url } = await openVite({ root, stateDir: '' }, options)
    expect(lines.all.filter((line) => line.includes('state folder'))).toEqual([
      expect.stringMatching(
        /^\[signaling\] the state folder .* is inside .*, which Vite serves .*; Vite continues without signaling$/,
      ),
    ])
    expect((await fetch(url)).status).toBe(200)
    expect((await refusedUpgrade(`${url}/ws/signaling`)).status).toBe(503)
  },
)

test('a sidecar whose own settings name a state folder that Vite serves is stopped', async () => {
  const project = makeProject()
  const inside = path.join(project.root, 'state')
  const sidecar = standIn({ stateDir: inside })
  const { lines, url } = await openVite(project, { sidecar, stateDir: project.stateDir })
  expect(await lines.match(/sidecar was stopped/)).toContain(inside)
  expect((await fetch(`${url}/ws/signaling`)).status).toBe(503)
})

test('the endpoint and the inspector are printed below the URLs of Vite', async () => {
  const project = makeProject()
  const vite = await openVite(project, { sidecar: false }, { base: '/app/' })
  vite.server.printUrls()
  expect(vite.lines.all.slice(-2)).toEqual([
    `  ➜  Signaling: ${vite.url.replace('http', 'ws')}/ws/signaling`,
    `  ➜  Inspector: ${vite.url}/app/__signaling/`,
  ])
})
