import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { type Fields, parseObject, text } from '../browser/untrusted-json.ts'
import { requestDirectly } from './direct-request.ts'

/** The content of a sidecar's runtime.json. Only `isRunning` verifies that the sidecar still runs. */
export interface RunningSidecar {
  readonly url: string
  readonly pid: number
  readonly boot: string
  readonly version: string
  /** The folder of the project for which the sidecar was started. */
  readonly project: string | undefined
  /** The folder that contains this sidecar's runtime.json. */
  readonly stateDir: string
  /** The token for the admin API, which changes at each start. The token must not be printed or sent to a page. */
  readonly adminToken: string | undefined
  /** The path of the hooks file with which the sidecar was started. */
  readonly hooks: string | undefined
}

// How long to wait for an answer. A sidecar on loopback answers within a few milliseconds.
const HEALTH_TIMEOUT_MS = 1000

/** Returns the first running sidecar that uses one of these state folders. */
export async function findRunningSidecar(
  stateFolders: readonly string[],
): Promise<RunningSidecar | undefined> {
  for await (const found of runtimeFilesIn(stateFolders)) {
    if (isAlive(found.pid) && (await isRunning(found))) return found
  }
  return undefined
}

/** Who answers at the address of a sidecar. `nobody` may also mean that a sidecar is too busy to answer in time. */
export type Answerer = 'the sidecar' | 'another sidecar' | 'another program' | 'nobody'

/**
 * Whether this sidecar still runs. After SIGKILL its runtime.json still exists, and another program may use the pid
 * or the port. Only an answer with the same boot id proves that this sidecar runs.
 */
export async function isRunning(sidecar: RunningSidecar): Promise<boolean> {
  return (await answererAt(sidecar)) === 'the sidecar'
}

/** Returns who answers at the address of this sidecar, which may have ended. */
export async function answererAt({ url, boot }: RunningSidecar): Promise<Answerer> {
  const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS)
  const answer = await requestDirectly(new URL('/health', url), { signal }).catch((error) => error)
  if (signal.aborted) return 'nobody'
  if (answer instanceof Error) return isNotHttp(answer) ? 'another program' : 'nobody'
  const health = parseObject(answer.text)
  if (health === undefined || !('boot' in health)) return 'another program'
  return health.boot === boot ? 'the sidecar' : 'another sidecar'
}

/** Returns the sidecar at `url` if it uses one of these state folders. The sidecar may have ended by now. */
export async function findByAddress(
  stateFolders: readonly string[],
  url: string,
): Promise<RunningSidecar | undefined> {
  for await (const found of runtimeFilesIn(stateFolders)) {
    if (isSameAddress(found.url, url)) return found
  }
  return undefined
}

async function* runtimeFilesIn(stateFolders: readonly string[]): AsyncGenerator<RunningSidecar> {
  for (const folder of stateFolders) {
    for (const found of [await readRuntimeFile(folder), await readRuntimeFileElsewhere(folder)]) {
      if (found) yield found
    }
  }
}

/** Whether two URLs have the same host and port. In runtime.json the host is an IP address, never `localhost`. */
function isSameAddress(url: string, other: string): boolean {
  const address = (text: string) => new URL(text).host.replace(/^localhost(?=:|$)/, '127.0.0.1')
  return URL.canParse(other) && address(url) === address(other)
}

/** Returns the content of runtime.json in this state folder. The sidecar that has written it may have ended by now. */
export async function readRuntimeFile(stateDir: string): Promise<RunningSidecar | undefined> {
  return parseRuntime(await readFields(path.join(stateDir, 'runtime.json')), stateDir)
}

/**
 * Reads runtime.json in the folder that state-dir.json names. A sidecar writes state-dir.json into the default
 * state folder of its project if it uses another state folder, because of a flag or a setting that Vite does not
 * know.
 */
async function readRuntimeFileElsewhere(defaultDir: string): Promise<RunningSidecar | undefined> {
  const { state_dir: stateDir, project } =
    (await readFields(path.join(defaultDir, 'state-dir.json'))) ?? {}
  if (typeof stateDir !== 'string' || !path.isAbsolute(stateDir)) return undefined
  const runtime = await readFields(path.join(stateDir, 'runtime.json'))
  // Another project may use the folder in state-dir.json now.
  const isOfProject = runtime && 'project' in runtime && runtime.project === project
  return isOfProject ? parseRuntime(runtime, stateDir) : undefined
}

/** Returns the fields in a JSON file, or undefined if the file does not exist, is not readable or is incomplete. */
async function readFields(file: string): Promise<Fields | undefined> {
  return await readFile(file, 'utf8').then(parseObject, () => undefined)
}

function parseRuntime(fields: Fields | undefined, stateDir: string): RunningSidecar | undefined {
  const { url, pid, boot, version, project, admin_token: token, hooks } = fields ?? {}
  if (typeof url !== 'string' || !/^http:\/\//.test(url) || !URL.canParse(url)) return undefined
  // `isAlive` must not get 0 or -1, which stand for groups of processes.
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined
  if (typeof boot !== 'string' || boot === '' || typeof version !== 'string') return undefined
  const own = { project: text(project), adminToken: text(token), hooks: text(hooks) }
  return { url, pid, boot, version, stateDir, ...own }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM means that the process exists and belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether Node could not parse an answer as HTTP. */
function isNotHttp(error: unknown): boolean {
  return /^HPE_/.test((error as NodeJS.ErrnoException | undefined)?.code ?? '')
}
