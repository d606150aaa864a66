import { rm } from 'node:fs/promises'
import path from 'node:path'
import { findCommands } from '../plugin/find-command.ts'
import { isFolder, projectFolders, projectIn } from '../plugin/project-folders.ts'
import { readRuntimeFile } from '../plugin/running-sidecar.ts'
import { type Exit, type SidecarProcess, startSidecar as spawn } from '../plugin/sidecar-process.ts'
import { deleteOldTestFolders, newTestFolder, TEST_FLAGS } from '../plugin/test-folder.ts'
import { Admin } from './admin.ts'
import { SidecarStartError } from './errors.ts'
import { ROOMS, TestSidecar } from './test-sidecar.ts'

export interface StartOptions {
  /**
   * The folder of the app, whose `.venv` may contain the sidecar, and whose `sidecar.toml` may contain
   * settings. Default: the current folder.
   */
  readonly project?: string | undefined
  /** The dialect (the protocol) that the app speaks, one of those that `sidecar dialects` lists. Default: `rooms`. */
  readonly dialect?: string | undefined
  /** The program, or the program with its first arguments. Default: the program that the plugin would find. */
  readonly command?: string | readonly string[] | undefined
  /** More flags for `sidecar serve`, for example `['--grace-s', '1']`. */
  readonly args?: readonly string[] | undefined
  /** Environment variables for the sidecar, in addition to those of this process. */
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** A sidecar that `startSidecar` has started, and that ends with this process. */
export class StartedSidecar extends TestSidecar {
  readonly #process: SidecarProcess
  readonly #testFolder: string

  constructor(process: SidecarProcess, testFolder: string, admin: Admin, dialect: string) {
    super(admin, dialect)
    this.#process = process
    this.#testFolder = testFolder
  }

  /**
   * Ends the sidecar and deletes its temporary folder with the event log. To keep the file `log` for a report, copy
   * it before you call `stop`.
   */
  readonly stop = async (): Promise<void> => {
    await this.#process.end()
    await rm(this.#testFolder, { recursive: true, force: true })
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.stop()
}

/**
 * Starts a new sidecar on a free port, with a temporary state folder. The sidecar ends when `stop` is called, or
 * when this process ends, even if the process is killed.
 *
 * Throws SidecarStartError.
 */
export async function startSidecar(options: StartOptions = {}): Promise<StartedSidecar> {
  await deleteOldTestFolders()
  const project = path.resolve(options.project ?? '')
  if (!isFolder(project))
    throw new SidecarStartError([`the app cannot be in ${project}, which is not a folder`], false)
  const folders = projectFolders(project)
  const { command } = options
  const given = typeof command === 'string' ? [command] : command
  const commands = given ? [given] : findCommands(folders)
  const attempts: string[] = []
  for (const each of commands) {
    const started = await startWith(each, projectIn(folders) ?? project, options)
    if (started instanceof StartedSidecar) return started
    attempts.push(`${each[0]} ${started.reason}`)
    // This program is a sidecar, and has reported an error such as a wrong setting. The next program would report
    // the same error.
    if (!started.isUnusable) throw new SidecarStartError(attempts, false)
  }
  throw new SidecarStartError(attempts, true)
}

async function startWith(
  command: readonly string[],
  project: string,
  { dialect = ROOMS, args = [], env = {} }: StartOptions,
): Promise<StartedSidecar | Exit> {
  const testFolder = newTestFolder()
  const own = ['--port', '0', '--project', project, '--state-dir', testFolder]
  const flags = [...own, '--exit-on-stdin-eof', ...TEST_FLAGS, ...args]
  const start = { command, args: flags, env: { SIDECAR_ADVICE: 'plugin', ...env }, folder: project }
  let exit: Exit | undefined
  const process = await new Promise<{ stateDir: string; child: SidecarProcess } | undefined>(
    (resolve) => {
      const child = spawn(start, {
        printed: () => {}, // Nothing is printed, but `exit.reason` contains the last line.
        ready: ({ stateDir }) => resolve({ stateDir, child }),
        exited: (how) => {
          exit = how
          resolve(undefined)
        },
      })
    },
  )
  const running = process && (await readRuntimeFile(process.stateDir))
  if (process && running) {
    process.child.unref()
    const admin = new Admin(running, () => exit?.reason)
    return new StartedSidecar(process.child, testFolder, admin, dialect)
  }
  await process?.child.end()
  return (
    exit ?? { how: '', reason: 'has written no runtime.json', isUnusable: false, isSecond: false }
  )
}
