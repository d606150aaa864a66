import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'
import { startFailure } from './find-command.ts'
import { SIDECAR_NAME } from './names.ts'

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
  /** It listens. At most once. */
  ready(line: ReadyLine): void
  /** One line that it wrote for people. */
  said(line: string): void
  /** It is gone, or could not be started. Exactly once, also after `end()`. */
  gone(end: End): void
}

export interface End {
  /** Of the process: `exited with code 2`. */
  readonly how: string
  /** The same with the last line that it said, if it was never ready. */
  readonly reason: string
  /** Whether there never was a sidecar: it could not be started, or ended as ours never does. */
  readonly isUnfit: boolean
}

export interface SidecarProcess {
  readonly pid: number | undefined
  /** Closes its stdin, which ends it; resolves when it is gone. */
  end(): Promise<void>
}

// The sidecar's own code for what its operator can mend, such as a setting that it cannot take.
const OPERATORS_FAULT = 2

// The sidecar gives its connections up to 2 s to close; one that is still there by then hangs.
const END_TIMEOUT_MS = 5000

/**
 * Starts one sidecar. Its stdin is a pipe that only this process holds and it runs with
 * `--exit-on-stdin-eof`: that is what ends it when Vite is killed, because then no hook runs.
 */
export function startSidecar(start: Start, events: SidecarEvents): SidecarProcess {
  const [program = SIDECAR_NAME, ...words] = start.command
  const child = spawn(program, [...words, 'serve', ...start.args], {
    cwd: start.folder,
    env: { ...process.env, ...start.env },
    stdio: 'pipe',
    windowsHide: true,
  })
  let lastLine = ''
  const said = (text: string) => {
    lastLine = stripVTControlCharacters(text)
    events.said(lastLine)
  }
  let isReady = false
  createInterface(child.stdout).on('line', (line) => {
    const ready = isReady ? undefined : parseReadyLine(line)
    if (!ready) return said(line)
    isReady = true
    events.ready(ready)
  })
  createInterface(child.stderr).on('line', said)
  // EPIPE when it dies while its stdin is closed; its end is reported by `close`.
  child.stdin.on('error', () => {})

  const gone = new Promise<void>((resolve) => {
    let failure: string | undefined
    // A program that cannot be started: Node emits `error` and then `close`.
    child.once('error', (error) => {
      failure = startFailure(program, error)
    })
    child.once('close', (code, signal) => {
      const how = failure ?? (signal ? `was ended by ${signal}` : `exited with code ${code}`)
      events.gone({
        how,
        reason: isReady || !lastLine ? how : `${how}: ${lastLine}`,
        isUnfit: !isReady && (failure !== undefined || (!signal && code !== OPERATORS_FAULT)),
      })
      resolve()
    })
  })
  return {
    pid: child.pid,
    end: async () => {
      child.stdin.end()
      const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS).unref()
      await gone
      clearTimeout(timer)
    },
  }
}

function parseReadyLine(line: string): ReadyLine | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // Something else that a wrapper such as uvx prints.
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { name, version, url, state_dir: stateDir } = value as Record<string, unknown>
  if (name !== SIDECAR_NAME || typeof version !== 'string') return undefined
  if (typeof url !== 'string' || !URL.canParse(url) || typeof stateDir !== 'string')
    return undefined
  return { version, url, stateDir }
}
