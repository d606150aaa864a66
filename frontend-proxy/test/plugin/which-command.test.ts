import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { makeProject, openVite, type Project, STAND_IN, STARTED } from './vite-project.ts'

// If the first sidecar program that the plugin finds does not run, the plugin tries other programs.

/**
 * Writes a program with the sidecar's name into a folder, such as the project's `.venv` or one on
 * PATH.
 */
function install(
  { root }: Project,
  place: string,
  script: string,
  name = 'signaling-sidecar',
): string {
  const file = path.join(root, '..', place, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, script, { mode: 0o755 })
  return file
}

const PYTHON_OF_ANOTHER_MACHINE = '#!/of/another/machine/.venv/bin/python3\nimport sys\n'
// A script as pip writes it, for a package that is no longer installed.
const WITHOUT_PACKAGE =
  '#!/bin/sh\necho "Traceback (most recent call last):" >&2\necho "ModuleNotFoundError: No module named signaling_sidecar" >&2\nexit 1\n'
const STARTS_STAND_IN = `exec "${process.execPath}" "${STAND_IN}" "$@"\n`
// As Python prints it if PYTHONHOME is wrong.
const PYTHON_FAILS =
  '#!/bin/sh\necho "Fatal Python error: init_fs_encoding: no codec" >&2\necho "  <no Python frame>" >&2\nexit 1\n'
const SOMETHING_ELSE = '#!/bin/sh\necho "I play music"\n'

function pathWith(...places: string[]): void {
  vi.stubEnv('VIRTUAL_ENV', undefined)
  vi.stubEnv('PATH', [...places, '/usr/bin', '/bin'].join(':'))
}

test.each([
  [PYTHON_OF_ANOTHER_MACHINE, /its interpreter \/of\/another\/machine\/.* does not exist/],
  [WITHOUT_PACKAGE, /exited with code 1: ModuleNotFoundError/],
  [PYTHON_FAILS, /exited with code 1: Fatal Python error: init_fs_encoding/],
  [SOMETHING_ELSE, /exited with code 0: I play music/],
  ['\x7fELF not really', /ENOEXEC|exited with code/],
])(
  'a .venv whose sidecar does not run here is named once, and the next one is taken',
  async (script, reason) => {
    const project = makeProject()
    mkdirSync(path.join(project.root, '..', '.git'))
    const broken = install(project, '.venv/bin', script)
    const good = install(project, 'path', `#!/bin/sh\n${STARTS_STAND_IN}`)
    pathWith(path.dirname(good))
    const { lines, url } = await openVite(project, { stateDir: project.stateDir })
    await lines.match(STARTED)
    const said = lines.all.filter((line) => line.includes(broken))
    expect(said).toEqual([expect.stringMatching(reason)])
    expect(said[0]).toContain(`; trying ${good}`)
    expect(lines.all.join('\n')).not.toContain('Traceback')
    expect((await fetch(`${url}/ws/signaling`)).status).toBe(200)
  },
)

test('if no program runs, each is reported once with its reason, and then what to install', async () => {
  const project = makeProject()
  mkdirSync(path.join(project.root, '..', '.git'))
  const inVenv = install(project, '.venv/bin', PYTHON_OF_ANOTHER_MACHINE)
  const onPath = install(project, 'path', WITHOUT_PACKAGE)
  pathWith(path.dirname(onPath))
  const { lines, url } = await openVite(project, { stateDir: project.stateDir })
  expect(await lines.match(/pip install signaling-sidecar/)).toContain(
    `${onPath} does not run here`,
  )
  await fetch(`${url}/ws/signaling`)
  for (const file of [inVenv, onPath]) {
    expect(lines.all.filter((line) => line.startsWith(`[signaling] ${file}`))).toHaveLength(1)
  }
  expect((await fetch(url)).status).toBe(200)
})

test('if uvx cannot run the sidecar, the advice is not to install uv', async () => {
  const project = makeProject()
  const uvx = install(project, 'path', '#!/bin/sh\necho "no such package" >&2\nexit 1\n', 'uvx')
  pathWith(path.dirname(uvx))
  const { lines } = await openVite(project, { stateDir: project.stateDir })
  const said = await lines.match(/pip install signaling-sidecar/)
  expect(said).toContain(`${uvx} does not run here as a sidecar: it exited with code 1: no such`)
  expect(said).not.toContain('install uv')
})

test.each([
  [
    'that was installed again',
    (project: Project, good: string) => install(project, '.venv/bin', good),
  ],
  [
    'whose interpreter was installed again',
    ({ root }: Project) => symlinkSync('/bin/sh', path.join(root, '..', 'sh')),
  ],
])('a program %s is tried again', async (_how, repair) => {
  const project = makeProject()
  mkdirSync(path.join(project.root, '..', '.git'))
  install(project, '.venv/bin', `#!${path.join(project.root, '..', 'sh')}\n${STARTS_STAND_IN}`)
  pathWith()
  const { lines, url } = await openVite(project, { stateDir: project.stateDir })
  await lines.match(/pip install signaling-sidecar/)
  repair(project, `#!/bin/sh\n${STARTS_STAND_IN}`)
  const status = async () => (await fetch(`${url}/ws/signaling`)).status
  await vi.waitUntil(async () => (await status()) === 200, { timeout: 20_000 })
})

test('a program is tried again when a package that it needs is installed', async () => {
  const project = makeProject()
  mkdirSync(path.join(project.root, '..', '.git'))
  const packages = path.join(project.root, '..', '.venv', 'lib', 'python3.13', 'site-packages')
  mkdirSync(packages, { recursive: true })
  const needed = path.join(packages, 'aiohttp-3.14.0.dist-info')
  const fails = `[ -e "${needed}" ] || { echo "No module named aiohttp" >&2; exit 1; }\n`
  install(project, '.venv/bin', `#!/bin/sh\n${fails}${STARTS_STAND_IN}`)
  pathWith()
  const { lines, url } = await openVite(project, { stateDir: project.stateDir })
  await lines.match(/pip install signaling-sidecar/)
  mkdirSync(needed)
  const status = async () => (await fetch(`${url}/ws/signaling`)).status
  await vi.waitUntil(async () => (await status()) === 200, { timeout: 20_000 })
})

test('a program is not tried again because Python has cached compiled code while it ran', async () => {
  const project = makeProject()
  mkdirSync(path.join(project.root, '..', '.git'))
  const packages = path.join(project.root, '..', '.venv', 'lib', 'python3.13', 'site-packages')
  mkdirSync(packages, { recursive: true })
  const caches = `mkdir -p "${packages}/__pycache__"; exit 1\n`
  const broken = install(project, '.venv/bin', `#!/bin/sh\n${caches}`)
  pathWith()
  const { lines } = await openVite(project, { stateDir: project.stateDir })
  await lines.match(/pip install signaling-sidecar/)
  expect(lines.all.filter((line) => line.includes(broken))).toHaveLength(1)
})

test('a program that is installed again while it starts is tried again', async () => {
  const project = makeProject()
  const folder = path.join(project.root, '..')
  mkdirSync(path.join(folder, '.git'))
  const [begun, go] = [path.join(folder, 'begun'), path.join(folder, 'go')]
  const waits = `touch "${begun}"; while [ ! -e "${go}" ]; do sleep 0.05; done; exit 1\n`
  const broken = install(project, '.venv/bin', `#!/bin/sh\n${waits}`)
  const repaired = install(project, 'new', `#!/bin/sh\n${STARTS_STAND_IN}`)
  pathWith()
  const { lines, url } = await openVite(project, { stateDir: project.stateDir })
  await vi.waitUntil(() => existsSync(begun), { timeout: 20_000 })
  renameSync(repaired, broken)
  writeFileSync(go, '')
  await lines.match(/does not run here/)
  const status = async () => (await fetch(`${url}/ws/signaling`)).status
  await vi.waitUntil(async () => (await status()) === 200, { timeout: 20_000 })
})

test.each([
  [2, 'refuses a setting', 'sidecar: max_rooms must be a whole number of rooms'],
  [4, 'cannot use Redis', 'sidecar: the Redis server of the cluster cannot be used'],
])('with code %i, a sidecar %s, and no other program is tried', async (code, _, sentence) => {
  const project = makeProject()
  mkdirSync(path.join(project.root, '..', '.git'))
  const script = `#!/bin/sh\necho "${sentence}" >&2\nexit ${code}\n`
  const refusing = install(project, '.venv/bin', script)
  const other = install(project, 'path', SOMETHING_ELSE)
  pathWith(path.dirname(other))
  const { lines } = await openVite(project, { stateDir: project.stateDir })
  await lines.match(/gave up after 4 starts/)
  const said = lines.all.filter((line) => line.includes(sentence))
  expect(said[0]).toBe(`[signaling] ${sentence}`)
  expect(said).toHaveLength(2)
  expect(lines.all.join('\n')).not.toContain(refusing)
})
