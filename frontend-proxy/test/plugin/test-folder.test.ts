import {
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { deleteOldTestFolders, newTestFolder } from '../../src/plugin/test-folder.ts'

const TWO_DAYS_MS = 2 * 24 * 60 * 60 * 1000

beforeEach(() => {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'signaling-plugin-')))
  vi.stubEnv('TMPDIR', folder)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })
})

function makeFolder(folder: string, ageMs: number): string {
  mkdirSync(folder)
  const changed = new Date(Date.now() - ageMs)
  utimesSync(folder, changed, changed)
  return folder
}

test('the folder of a test is deleted when the test is long over', async () => {
  const old = makeFolder(newTestFolder(), TWO_DAYS_MS)
  const recent = makeFolder(newTestFolder(), 0)
  await deleteOldTestFolders()
  expect([old, recent].map((folder) => existsSync(folder))).toEqual([false, true])
})

test('a folder that the plugin has not made is kept, although its name begins in the same way', async () => {
  const names = [path.join(tmpdir(), 'signaling-test-notes'), `${newTestFolder()}-copy`]
  const folders = names.map((name) => makeFolder(name, TWO_DAYS_MS))
  await deleteOldTestFolders()
  expect(folders.map((folder) => existsSync(folder))).toEqual([true, true])
})

test('a folder of another user is neither read nor deleted', async () => {
  const folder = makeFolder(newTestFolder(), TWO_DAYS_MS)
  const own = process.getuid?.() ?? 0
  const getuid = vi.spyOn(process, 'getuid').mockReturnValue(own + 1)
  onTestFinished(() => getuid.mockRestore())
  await deleteOldTestFolders()
  expect(existsSync(folder)).toBe(true)
})

test('a link is not followed', async () => {
  const elsewhere = makeFolder(path.join(tmpdir(), 'elsewhere'), TWO_DAYS_MS)
  const link = newTestFolder()
  symlinkSync(elsewhere, link)
  const old = new Date(Date.now() - TWO_DAYS_MS)
  lutimesSync(link, old, old)
  await deleteOldTestFolders()
  expect(existsSync(link)).toBe(true)
})
