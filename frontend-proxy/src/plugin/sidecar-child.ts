// Starts the sidecar of a project as a child process, and restarts it after it has exited. Only this file stores the
// child process.
//
// 1. There is at most one child process. A new child starts only after the old one has exited: `exited` must be
//    awaited before `start` is called.
// 2. A child that is being ended may still print lines and exit, but changes nothing else.

import path from 'node:path'
import { findCommands } from './find-command.ts'
import { HeldOutput } from './held-output.ts'
import { SIDECAR_NAME } from './names.ts'
import type { SidecarConfig } from './sidecar-config.ts'
import { type Exit, type ReadyLine, type SidecarProcess, startSidecar } from './sidecar-process.ts'
import type { SidecarStatus } from './sidecar-status.ts'
import { MAX_STARTS_WITHOUT_READY, StartHistory } from './start-history.ts'
import { WITHOUT_SIGNALING } from './warn-on-error.ts'

const INSTALL = `install it with "pip install ${SIDECAR_NAME}" (in .venv or on PATH)`

export interface ChildEvents {
  /** The child listens. */
  ready(line: ReadyLine, config: SidecarConfig): void
  /** The child has exited, and it is time for the next start. */
  restart(config: SidecarConfig): void
  /** The child has exited, and will not be restarted. */
  gaveUp(): void
}

export class SidecarChild {
  /** The starts for the current config. The supervisor replaces this history when the config changes. */
  history: StartHistory = new StartHistory()
  readonly #status: SidecarStatus
  readonly #events: ChildEvents
  #process: SidecarProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #restart: NodeJS.Timeout | undefined

  constructor(status: SidecarStatus, events: ChildEvents) {
    this.#status = status
    this.#events = events
  }

  /** Whether the child runs or will be restarted. */
  get isActive(): boolean {
    return Boolean(this.#process || this.#restart)
  }

  /** Resolves when the child that was ended last has exited. */
  get exited(): Promise<void> {
    return this.#exited
  }

  end(): void {
    clearTimeout(this.#restart)
    this.#restart = undefined
    if (this.#process) this.#exited = this.#process.end()
    this.#process = undefined
  }

  /** Starts the child, or prints why it is not started. */
  start(config: SidecarConfig): void {
    if (!this.history.mayStart) return
    const command = config.command ?? this.#findUsableCommand(config)
    if (config.startRefusal) {
      this.#status.printOnce('info', `no sidecar was started because ${config.startRefusal}`)
    } else if (command) this.#spawn(config, command)
    else if (!this.history.hasUnusable) {
      this.#status.printOnce(
        'warn',
        `no sidecar was found; ${INSTALL} or install uv; ${WITHOUT_SIGNALING}`,
      )
    }
  }

  #findUsableCommand({ projectFolders }: SidecarConfig): readonly string[] | undefined {
    return findCommands(projectFolders).find(([program = '']) => !this.history.isUnusable(program))
  }

  #spawn(config: SidecarConfig, command: readonly string[]): void {
    const { history } = this
    history.started(command[0] ?? '')
    const { args, env, root: folder } = config
    const isFound = config.command === undefined
    const output = this.#outputOf(command, isFound)
    const child = startSidecar(
      { command, args, env, folder },
      {
        printed: (line) => output.add(line),
        ready: (line) => {
          history.ready()
          output.release()
          if (this.#process === child) this.#events.ready(line, config)
        },
        exited: (exit) => {
          history.exited()
          // Another Vite of the project has started a sidecar at the same time, which the next search finds.
          const isSecond = exit.isSecond && history.isFirstStart
          const triesNext = exit.isUnusable && isFound
          if (!isSecond && !triesNext && exit.reason !== history.lastReason) output.release()
          if (this.#process !== child) return
          this.#process = undefined
          if (isSecond) this.#restartLater(config)
          else if (triesNext) this.#tryNext(command, exit, config)
          else this.#restartOrGiveUp(exit, config)
        },
      },
    )
    this.#process = child
  }

  #outputOf(command: readonly string[], isFound: boolean): HeldOutput {
    // The lines of a program that `findCommands` has found are held back, because that program may not be a
    // sidecar. The lines of uvx, which prints its progress, and of a command from the options are printed at once.
    // After a failure all lines are held back, because they may repeat the lines of the last child.
    const isHeld = this.history.lastReason !== '' || (isFound && command.length === 1)
    return new HeldOutput((line) => this.#status.printLine(line), isHeld)
  }

  #tryNext([program = '']: readonly string[], { reason }: Exit, config: SidecarConfig): void {
    this.history.addUnusable(program)
    const [next] = this.#findUsableCommand(config) ?? []
    const advice = path.parse(program).name === 'uvx' ? INSTALL : `${INSTALL} or install uv`
    const rest = next ? `trying ${next}` : `no other one was found; ${advice}; ${WITHOUT_SIGNALING}`
    this.#status.printOnce(
      'warn',
      `${program} does not run here as a sidecar: it ${reason}; ${rest}`,
    )
    if (next !== undefined) this.#events.restart(config)
    else this.#events.gaveUp()
  }

  #restartOrGiveUp({ how, reason }: Exit, config: SidecarConfig): void {
    this.#status.lost()
    if (!this.history.mayStart) {
      const rest = `gave up after ${MAX_STARTS_WITHOUT_READY} starts; restart Vite to try again`
      this.#status.print('warn', `the sidecar ${reason}; ${rest}`)
      this.#events.gaveUp()
      return
    }
    // Prints `how`, because `reason` also contains the last line of the output, which was printed before.
    const end = reason === this.history.lastReason ? 'ended in the same way' : how
    this.history.lastReason = reason
    const delayMs = this.#restartLater(config)
    this.#status.print('warn', `the sidecar ${end}; restarting it in ${delayMs / 1000} s`)
  }

  /** Restarts the child after a delay. Returns the delay. */
  #restartLater(config: SidecarConfig): number {
    const delayMs = this.history.nextDelayMs()
    this.#restart = setTimeout(() => {
      this.#restart = undefined
      this.#events.restart(config)
    }, delayMs).unref()
    return delayMs
  }
}
