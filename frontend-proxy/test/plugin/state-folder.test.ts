import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import {
  projectStateFolder,
  servedFolderAround,
  userFolder,
} from '../../src/plugin/state-folder.ts'

let folder: string

beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'state-folder-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
})

test.each([
  ['linux', {}, '/home/me/.local/state/signaling-sidecar'],
  ['linux', { XDG_STATE_HOME: '/state' }, '/state/signaling-sidecar'],
  ['linux', { XDG_STATE_HOME: 'relative' }, '/home/me/.local/state/signaling-sidecar'],
  ['darwin', {}, '/home/me/Library/Application Support/signaling-sidecar'],
  ['darwin', { XDG_STATE_HOME: '/state' }, '/state/signaling-sidecar'],
] as const)('on %s with %j the state folders are in %s', (platform, env, expected) => {
  expect(userFolder('state', env, platform, '/home/me')).toBe(expected)
})

test('on Windows the state folder is in the local application data, with the name twice', () => {
  const env = { LOCALAPPDATA: 'C:\\Users\\me\\AppData\\Local' }
  const expected = 'C:\\Users\\me\\AppData\\Local\\signaling-sidecar\\signaling-sidecar'
  expect(userFolder('state', env, 'win32', 'C:\\Users\\me')).toBe(expected)
})

test.each([
  ['linux', {}, '/home/me/.cache/signaling-sidecar'],
  ['linux', { XDG_CACHE_HOME: '/cache' }, '/cache/signaling-sidecar'],
  ['linux', { XDG_CACHE_HOME: 'relative' }, '/home/me/.cache/signaling-sidecar'],
  ['darwin', {}, '/home/me/Library/Caches/signaling-sidecar'],
  ['win32', { LOCALAPPDATA: 'C:\\L' }, 'C:\\L\\signaling-sidecar\\signaling-sidecar\\Cache'],
] as const)('on %s with %j the cache folder is %s', (platform, env, expected) => {
  expect(userFolder('cache', env, platform, '/home/me')).toBe(expected)
})

test("a project's state folder has the project's name and the beginning of the hash of its real path", () => {
  // `printf / | sha256sum` prints a hash that begins with 8a5edab2.
  expect(projectStateFolder('/', { XDG_STATE_HOME: '/state' })).toBe(
    '/state/signaling-sidecar/root-8a5edab2',
  )
  const real = path.join(folder, 'real')
  const link = path.join(folder, 'link')
  mkdirSync(real)
  symlinkSync(real, link)
  expect(projectStateFolder(link)).toBe(projectStateFolder(real))
  expect(projectStateFolder(link)).toMatch(/\/real-[0-9a-f]{8}$/)
})

test('a folder is served if it is a served folder or below one, and not if only its name begins in the same way', () => {
  const served = [path.join(folder, 'app')]
  const around = (...steps: string[]) => servedFolderAround(path.join(folder, ...steps), served)
  expect(around('app')).toBe(served[0])
  expect(around('app', 'deep', 'state')).toBe(served[0])
  expect(around('app', '..state')).toBe(served[0])
  expect(around('app-state')).toBeUndefined()
  expect(around('state')).toBeUndefined()
  expect(around()).toBeUndefined()
})

test('a symbolic link into a served folder is recognised', () => {
  const app = path.join(folder, 'app')
  mkdirSync(app)
  symlinkSync(app, path.join(folder, 'elsewhere'))
  expect(servedFolderAround(path.join(folder, 'elsewhere', 'new', 'state'), [app])).toBe(app)
})

test('a relative path in HOME is ignored', () => {
  vi.stubEnv('HOME', 'relative')
  vi.stubEnv('XDG_STATE_HOME', undefined)
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(path.isAbsolute(userFolder('state', process.env) ?? '')).toBe(true)
})
