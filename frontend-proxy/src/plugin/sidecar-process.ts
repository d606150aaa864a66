import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'
import { parseObject } from '../browser/untrusted-json.ts'
import { startFailure } from './find-command.ts'
import { SIDECAR_NAME } from './names.ts'

/** The JSON line that a sidecar prints when it listens. */
export interface ReadyLine {
  readonly version: string
  readonly url: string
  readonly stateDir: string
}

export interface Start {
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly folder: string
}

export interface SidecarEvents {
  /** The sidecar listens. `ready` is called at most once. */
  ready(line: ReadyLine): void
  /** The process has printed a line, to stdout or stderr. */
  printed(line: string): void
  /** The process has exited, or could not be started. `exited` is called exactly once, also after `end()`. */
  exited(exit: Exit): void
}

export interface Exit {
  /** How the process ended, for example `exited with code 2`. */
  readonly how: string
  /** The same as `how`, followed by the last printed line if the sidecar was never ready. */
  readonly reason: string
  /** Whether another program should be tried, because this one cannot run on this machine or is not a sidecar. */
  readonly isUnusable: boolean
  /** Whether the process has ended because another sidecar uses its state folder. */
  readonly isSecond: boolean
}

export interface SidecarProcess {
  readonly pid: number | undefined
  /** Ends the sidecar by closing its stdin. Resolves when the process has exited. */
  end(): Promise<void>
  /** Lets this process exit while the sidecar still runs. The sidecar then exits too. */
  unref(): void
}

// The exit code of the sidecar's error StateDirTaken.
const STATE_DIR_TAKEN = 3
// The exit codes of all errors that a sidecar explains before it exits: 2 for most of them, such as a wrong setting,
// and 4 if the Redis server of its cluster cannot be used. With another code, the program is no working sidecar.
const ERROR_CODES: readonly (number | null)[] = [2, STATE_DIR_TAKEN, 4]

// A sidecar that has not exited after this time hangs: it waits less than 4 s for its connections to close.
const END_TIMEOUT_MS = 5000

/**
 * Starts a sidecar. If Vite is killed, no hook of the plugin runs, so the sidecar itself has to notice it: its
 * stdin is a pipe that only this process holds open, and with `--exit-on-stdin-eof` it exits when the pipe
 * is closed.
 */
export function startSidecar(start: Start, events: SidecarEvents): SidecarProcess {
  const [program = SIDECAR_NAME, ...words] = start.command
  const child = spawn(program, [...words, 'serve', ...start.args], {
    cwd: start.folder,
    env: { ...process.env, ...start.env },
    stdio: 'pipe',
    windowsHide: true,
  })
  if ((child.stdout as unknown) === undefined) {
    child.once('error', () => {}) // An `error` event without a listener would end Vite.
    throw new Error(`${program} could not be started, because this process has too many open files`)
  }
  let lastLine = ''
  const printed = (text: string) => {
    const line = stripVTControlCharacters(text)
    // After this line, Python prints its internal state, which explains nothing.
    if (!lastLine.startsWith('Fatal Python error:')) lastLine = line
    events.printed(line)
  }
  let isReady = false
  createInterface(child.stdout).on('line', (line) => {
    const ready = isReady ? undefined : parseReadyLine(line)
    if (!ready) return printed(line)
    isReady = true
    events.ready(ready)
  })
  createInterface(child.stderr).on('line', printed)
  // An EPIPE error occurs if the process exits while its stdin is being closed. The event `close` reports the exit.
  child.stdin.on('error', () => {})

  const exited = new Promise<void>((resolve) => {
    let failure: string | undefined
    // For a program that cannot be started, Node emits `error` and then `close`.
    child.once('error', (error) => {
      failure = `could not be started: ${startFailure(program, error)}`
    })
    child.once('close', (code, signal) => {
      events.exited(exitOf({ failure, code, signal, isReady, lastLine }))
      resolve()
    })
  })
  return handleOf(child, exited)
}

interface Ending {
  /** Why the process could not be started. */
  readonly failure: string | undefined
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly isReady: boolean
  readonly lastLine: string
}

function exitOf({ failure, code, signal, isReady, lastLine }: Ending): Exit {
  const how = failure ?? (signal ? `was ended by ${signal}` : `exited with code ${code}`)
  return {
    how,
    reason: isReady || !lastLine ? how : `${how}: ${lastLine}`,
    isUnusable: !isReady && (failure !== undefined || (!signal && !ERROR_CODES.includes(code))),
    isSecond: !isReady && code === STATE_DIR_TAKEN,
  }
}

function handleOf(child: ChildProcessWithoutNullStreams, exited: Promise<void>): SidecarProcess {
  // The pipes are sockets, and have `ref` and `unref`, but their types do not say so. In Bun, stdin has neither of
  // them, and does not keep this process from exiting.
  const handles = [child, ...child.stdio] as unknown as Partial<Pick<Socket, 'ref' | 'unref'>>[]
  return {
    pid: child.pid,
    end: async () => {
      for (const handle of handles) handle.ref?.()
      child.stdin.end()
      const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS).unref()
      await exited
      clearTimeout(timer)
    },
    unref() {
      for (const handle of handles) handle.unref?.()
    },
  }
}

/** Returns undefined for other lines, which a wrapper such as uvx may print. */
function parseReadyLine(line: string): ReadyLine | undefined {
  const { name, version, url, state_dir: stateDir } = parseObject(line) ?? {}
  if (name !== SIDECAR_NAME || typeof version !== 'string') return undefined
  if (typeof url !== 'string' || !URL.canParse(url) || typeof stateDir !== 'string')
    return undefined
  return { version, url, stateDir }
}
