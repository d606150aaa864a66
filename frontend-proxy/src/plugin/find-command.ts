import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { SIDECAR_NAME } from './names.ts'

/**
 * The words with which the sidecar's command line may begin, the likeliest first: from
 * `$VIRTUAL_ENV`, then the nearest `.venv`, then `PATH`, then `uvx` (which installs it on first use).
 *
 * That a file is there does not say that it runs: a `.venv` may come from another machine.
 */
export function findCommands(
  folders: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string[][] {
  const environments = folders.map((folder) => path.join(folder, '.venv'))
  if (env.VIRTUAL_ENV) environments.unshift(env.VIRTUAL_ENV)
  const scripts = environments.map((folder) =>
    path.join(folder, platform === 'win32' ? 'Scripts' : 'bin'),
  )
  const onPath = pathFolders(env, platform)
  const programs = findPrograms(SIDECAR_NAME, [...scripts, ...onPath], platform)
  const [uvx] = findPrograms('uvx', onPath, platform)
  const byUvx = uvx ? [[uvx, '--from', `${SIDECAR_NAME}[lan,reload]`, SIDECAR_NAME]] : []
  return [...programs.map((program) => [program]), ...byUvx]
}

/** Why a program could not be started, in more words than `spawn … ENOENT` where there are any. */
export function startFailure(program: string, error: NodeJS.ErrnoException): string {
  if (error.code !== 'ENOENT') return error.message
  const interpreter = interpreterOf(program)
  if (interpreter === undefined || existsSync(interpreter)) return error.message
  return `${error.message} (its interpreter ${interpreter} is not there)`
}

/** What the first line of a script names; undefined: it names none, or there is no such script. */
function interpreterOf(program: string): string | undefined {
  try {
    return /^#!\s*(\S+)/.exec(readFileSync(program, 'latin1'))?.[1]
  } catch {
    return undefined
  }
}

function pathFolders(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string[] {
  // Windows writes it `Path`, and an object copied from process.env knows only that spelling.
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
  const folders = (env[key] ?? '').split(platform === 'win32' ? ';' : ':')
  // A relative entry would mean "in whatever folder Vite was started".
  return folders.filter((folder) => path.isAbsolute(folder))
}

function findPrograms(
  name: string,
  folders: readonly string[],
  platform: NodeJS.Platform,
): string[] {
  // Of PATHEXT only what runs without a shell: Node refuses .bat and .cmd (CVE-2024-27980).
  const endings = platform === 'win32' ? ['.exe', '.com'] : ['']
  const files = folders.flatMap((folder) => endings.map((end) => path.join(folder, name + end)))
  return [...new Set(files)].filter(isProgram)
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    // Missing, or not ours to run: either way the search goes on in the next folder.
    return false
  }
}
