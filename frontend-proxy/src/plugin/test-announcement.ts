import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { contentOf, isOfRunningProcess, keepWritten } from './kept-file.ts'
import { isAlive, readJson } from './running-sidecar.ts'
import { projectStateFolder } from './state-folder.ts'

/**
 * Writes a file that contains the path of the state folder of this Vite's sidecar. The tests of this project, which
 * run in other processes, read this file. Returns a function that removes the file. Throws an error if the file
 * cannot be written.
 */
export function announceToTests(project: string, stateDir: string): () => void {
  const file = announcementOf(project)
  if (file === undefined) return () => {}
  // A Vite that restarts itself announces its sidecar again before it withdraws the first announcement.
  const id = randomUUID()
  const content = JSON.stringify({ pid: process.pid, stateDir, id })
  const isWritten = () => isOfRunningProcess(contentOf(file))
  const write = () => {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(file, content, { mode: 0o600 })
  }
  write()
  const stopKeeping = keepWritten(isWritten, write)
  return () => {
    stopKeeping()
    // Another Vite of this project may have written the file in the meantime, or somebody has deleted it.
    if (contentOf(file).id === id) rmSync(file, { force: true })
  }
}

/** Returns the state folder that a running Vite of this project has announced. */
export async function announcedTestFolder(project: string): Promise<string | undefined> {
  const file = announcementOf(project)
  const value = file && (await readJson(file))
  if (typeof value !== 'object' || value === null) return undefined
  const { pid, stateDir } = value as Record<string, unknown>
  // A Vite that was killed leaves the file behind.
  const isValid = typeof pid === 'number' && pid > 0 && typeof stateDir === 'string'
  return isValid && isAlive(pid) ? stateDir : undefined
}

function announcementOf(project: string): string | undefined {
  // The file is not in the project, because Vite would serve it there.
  const folder = projectStateFolder(project)
  return folder && path.join(folder, 'test-sidecar.json')
}
