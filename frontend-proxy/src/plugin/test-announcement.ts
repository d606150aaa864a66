import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { entriesIn, isOfRunningProcess, keepWritten, saveEntries } from './kept-file.ts'
import { projectStateFolder } from './state-folder.ts'

/**
 * Writes a file that contains the path of the state folder of this Vite's sidecar. The tests of this project, which
 * usually run in other processes, read this file. Returns a function that removes the path. Throws an error if the
 * file cannot be written.
 */
export function announceToTests(project: string, stateDir: string): () => void {
  const file = announcementOf(project)
  if (file === undefined) return () => {}
  // Each announcement has its own id: a Vite that restarts itself announces its sidecar again before it withdraws the
  // first announcement.
  const id = randomUUID()
  const isWritten = () => entriesIn(file).some((entry) => entry.id === id)
  const others = () =>
    entriesIn(file).filter((entry) => entry.id !== id && isOfRunningProcess(entry))
  const write = () => {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
    saveEntries(file, [{ pid: process.pid, stateDir, id }, ...others()])
  }
  write()
  const stopKeeping = keepWritten(isWritten, write)
  return () => {
    stopKeeping()
    if (!isWritten()) return // Somebody has deleted the file.
    const left = others()
    if (left.length > 0) saveEntries(file, left)
    else rmSync(file, { force: true })
  }
}

/**
 * Returns the state folder that a running Vite of this project has announced: the one in this process, which runs
 * the tests of Vitest's browser mode, or else the last one.
 */
export function announcedTestFolder(project: string): string | undefined {
  const file = announcementOf(project)
  // A Vite that was killed leaves its announcement behind.
  const entries = file === undefined ? [] : entriesIn(file).filter(isOfRunningProcess)
  const { stateDir } = entries.find(({ pid }) => pid === process.pid) ?? entries[0] ?? {}
  return typeof stateDir === 'string' ? stateDir : undefined
}

function announcementOf(project: string): string | undefined {
  // The file is not in the project, because Vite would serve it there.
  const folder = projectStateFolder(project)
  return folder && path.join(folder, 'test-sidecar.json')
}
