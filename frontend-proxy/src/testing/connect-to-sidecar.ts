import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isFolder, projectFolders } from '../plugin/project-folders.ts'
import { findRunningSidecar, type RunningSidecar } from '../plugin/running-sidecar.ts'
import { stateFoldersOf } from '../plugin/sidecar-config.ts'
import { announcedTestFolder } from '../plugin/test-announcement.ts'
import { Admin } from './admin.ts'
import { SidecarNotFoundError } from './errors.ts'
import { ROOMS, TestSidecar } from './test-sidecar.ts'

export interface ConnectOptions {
  /** The folder of the app whose Vite is running. Default: the current folder. */
  readonly project?: string | undefined
  /** The dialect (the protocol) that the app speaks, one of those that `sidecar dialects` lists. Default: `rooms`. */
  readonly dialect?: string | undefined
}

/**
 * How long to wait for the sidecar. It usually starts in less than a second, but takes much longer on a busy
 * machine.
 */
const STARTS_WITHIN_MS = 10_000
const LOOK_EVERY_MS = 100

/**
 * Finds the sidecar of an app's dev server, which runs in another process: the sidecar that the plugin has
 * started with `test: true`, or else the one that runs for this project.
 *
 * Throws SidecarNotFoundError.
 */
export async function connectToSidecar(options: ConnectOptions = {}): Promise<TestSidecar> {
  const project = path.resolve(options.project ?? '')
  const running = await find(project)
  return new TestSidecar(new Admin(running), options.dialect ?? ROOMS)
}

async function find(project: string): Promise<RunningSidecar> {
  if (!isFolder(project)) throw new SidecarNotFoundError(project, false)
  const folders = projectFolders(project)
  const endMs = performance.now() + STARTS_WITHIN_MS
  for (;;) {
    const announced = firstAnnouncement(folders)
    const found = await findRunningSidecar(stateFoldersOf(folders, announced))
    if (found) return found
    // A Vite that has announced its sidecar may still be starting it.
    const isAnnounced = announced !== undefined
    if (!isAnnounced || performance.now() > endMs)
      throw new SidecarNotFoundError(project, isAnnounced)
    await sleep(LOOK_EVERY_MS)
  }
}

function firstAnnouncement(folders: readonly string[]): string | undefined {
  for (const folder of folders) {
    const announced = announcedTestFolder(folder)
    if (announced !== undefined) return announced
  }
  return undefined
}
