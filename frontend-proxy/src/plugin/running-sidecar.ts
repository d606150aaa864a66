import { readFile } from 'node:fs/promises'
import path from 'node:path'

/** A sidecar that somebody else started, found by its runtime.json and proven by its answer. */
export interface RunningSidecar {
  readonly url: string
  readonly pid: number
  readonly boot: string
  readonly version: string
  /** The folder that it was started for. */
  readonly project: string | undefined
  /** The folder of that file. */
  readonly stateDir: string
}

// It answers on loopback in a millisecond or two; one that takes a second is not healthy.
const HEALTH_TIMEOUT_MS = 1000

/** The first of these state folders' sidecars that lives. */
export async function findRunningSidecar(
  stateFolders: readonly string[],
): Promise<RunningSidecar | undefined> {
  for (const folder of stateFolders) {
    for (const found of [await readRuntimeFile(folder), await readRuntimeFileElsewhere(folder)]) {
      // After SIGKILL the file stays behind, and its pid or port may belong to another program by
      // now; only the same boot in the answer proves it.
      if (found && isAlive(found.pid) && (await bootAt(found.url)) === found.boot) return found
    }
  }
  return undefined
}

async function readRuntimeFile(stateDir: string): Promise<RunningSidecar | undefined> {
  return parseRuntime(await readJson(path.join(stateDir, 'runtime.json')), stateDir)
}

/**
 * A sidecar that was told to keep its state in another folder (by a flag or a setting that Vite does
 * not know) has left word of that in the project's own folder.
 */
async function readRuntimeFileElsewhere(own: string): Promise<RunningSidecar | undefined> {
  const pointer = await readJson(path.join(own, 'state-dir.json'))
  if (typeof pointer !== 'object' || pointer === null) return undefined
  const { state_dir: stateDir, project } = pointer as Record<string, unknown>
  if (typeof stateDir !== 'string' || !path.isAbsolute(stateDir)) return undefined
  const runtime = await readJson(path.join(stateDir, 'runtime.json'))
  // The folder may have become another project's since.
  const isOfProject =
    typeof runtime === 'object' &&
    runtime !== null &&
    'project' in runtime &&
    runtime.project === project
  return isOfProject ? parseRuntime(runtime, stateDir) : undefined
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch {
    // No such file, no right to read it, or half written: no sidecar of this project is known.
    return undefined
  }
}

function parseRuntime(value: unknown, stateDir: string): RunningSidecar | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { url, pid, boot, version, project } = value as Record<string, unknown>
  if (typeof url !== 'string' || !/^http:\/\//.test(url) || !URL.canParse(url)) return undefined
  // kill(0) and kill(-1) mean whole groups of processes.
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined
  if (typeof boot !== 'string' || boot === '' || typeof version !== 'string') return undefined
  const known = typeof project === 'string' ? project : undefined
  return { url, pid, boot, version, project: known, stateDir }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, as another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function bootAt(url: string): Promise<unknown> {
  try {
    const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS)
    const answer = await fetch(new URL('/health', url), { signal })
    const health: unknown = await answer.json()
    return typeof health === 'object' && health !== null && 'boot' in health
      ? health.boot
      : undefined
  } catch {
    // Refused, timed out or not JSON: whoever it is, it is not the sidecar of that file.
    return undefined
  }
}
