// A sidecar for tests has a state folder of its own among the temporary files, so that tests neither see nor
// change the rooms and the event log of the sidecar that the developer uses.

import { randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import { lstat, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { isAlive, readRuntimeFile } from './running-sidecar.ts'

const PREFIX = 'signaling-test-'
/** Matches only names from `newTestFolder`, because each folder with a matching name is deleted with all its files. */
const NAME = new RegExp(`^${PREFIX}[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

/** How long the event log of a test is kept. */
const KEPT_MS = 24 * 60 * 60 * 1000

/** Returns the path of a new state folder, which the sidecar creates. Nobody can guess the folder's name. */
export function newTestFolder(): string {
  return path.join(tmpdir(), PREFIX + randomUUID())
}

/** The flags for a sidecar that serves only tests, and that commands such as `sidecar why` do not find. */
export const TEST_FLAGS = ['--private', 'true', '--reload', 'off'] as const

/** Deletes the state folders of tests that ended more than a day ago. */
export async function deleteOldTestFolders(): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => [])
  await Promise.all(
    names.filter((name) => NAME.test(name)).map((name) => deleteIfOld(path.join(tmpdir(), name))),
  )
}

async function deleteIfOld(folder: string): Promise<void> {
  try {
    const found = await lstat(folder)
    if (!isOwnFolder(found) || found.mtimeMs > Date.now() - KEPT_MS) return
    const runtime = await readRuntimeFile(folder)
    if (runtime === undefined || !isAlive(runtime.pid)) await rm(folder, { recursive: true })
  } catch {
    // Another test is just deleting the folder.
  }
}

/**
 * Whether this user owns the folder. Other users can write to the folder of temporary files too. If another user
 * makes a named pipe `runtime.json` there, reading the pipe waits for ever. Node cannot cancel the read, so not
 * even `process.exit()` ends the tests.
 */
function isOwnFolder(found: Stats): boolean {
  // Windows has no user ids, but each user has their own folder of temporary files there.
  return found.isDirectory() && (process.getuid === undefined || found.uid === process.getuid())
}
