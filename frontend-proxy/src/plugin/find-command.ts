import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs'
import path from 'node:path'
import { SIDECAR_NAME } from './names.ts'

/**
 * Returns the commands that may start the sidecar, in the order in which to try them: from
 * `$VIRTUAL_ENV`, from the nearest `.venv`, from `PATH`, and with `uvx`, which downloads the sidecar.
 *
 * A program that is found may fail to run: its `.venv` may have been copied from another machine.
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

/**
 * Explains why a program could not be started. If the interpreter of a script is missing, Node's message
 * `spawn … ENOENT` names only the script.
 */
export function startFailure(program: string, error: NodeJS.ErrnoException): string {
  if (error.code !== 'ENOENT') return error.message
  const interpreter = interpreterOf(program)
  if (interpreter === undefined || existsSync(interpreter)) return error.message
  return `${error.message} (its interpreter ${interpreter} does not exist)`
}

/** Returns a text that changes when the program, its interpreter or any package of its environment is installed. */
export function versionOf(program: string): string {
  const files = [program, interpreterOf(program) ?? program, ...packagesOf(program)]
  return JSON.stringify(files.map(statusOf))
}

/**
 * Returns the folders that describe the installed packages, for a program in `bin`, or on Windows in `Scripts`. (The
 * folders that contain the code of the packages also change when Python runs, because it caches the compiled code.)
 */
function packagesOf(program: string): string[] {
  try {
    // The program of pipx and of `uv tool` is a link.
    const lib = path.join(path.dirname(realpathSync(program)), '..', 'lib')
    const inLib = readdirSync(lib).filter((name) => name.startsWith('python'))
    return ['', ...inLib].flatMap((name) => descriptionsIn(path.join(lib, name, 'site-packages')))
  } catch {
    // The program does not exist, or is not in the environment of a Python.
    return []
  }
}

function descriptionsIn(packages: string): string[] {
  if (!existsSync(packages)) return []
  const names = readdirSync(packages).filter((name) => name.endsWith('.dist-info'))
  return names.map((name) => path.join(packages, name))
}

function statusOf(file: string): readonly number[] | undefined {
  try {
    const { ino, mtimeMs, size } = statSync(file)
    return [ino, mtimeMs, size]
  } catch {
    // The file does not exist, or this user may not examine it, because it is in another user's home folder.
    return undefined
  }
}

/** Returns the interpreter in the first line of a script, or undefined if there is none. */
function interpreterOf(program: string): string | undefined {
  try {
    return /^#!\s*(\S+)/.exec(beginningOf(program))?.[1]
  } catch {
    return undefined
  }
}

/** Reads the part of a program in which systems look for an interpreter. A program that is no script may be large. */
function beginningOf(program: string): string {
  const file = openSync(program, 'r')
  try {
    const bytes = Buffer.alloc(4096)
    return bytes.toString('utf8', 0, readSync(file, bytes))
  } finally {
    closeSync(file)
  }
}

function pathFolders(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string[] {
  // On Windows the variable is spelled `Path`, and a copy of process.env is case-sensitive.
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
  const folders = (env[key] ?? '').split(platform === 'win32' ? ';' : ':')
  // Relative folders in PATH are left out: their meaning depends on the folder in which Vite was started.
  return folders.filter((folder) => path.isAbsolute(folder))
}

function findPrograms(
  name: string,
  folders: readonly string[],
  platform: NodeJS.Platform,
): string[] {
  // Node does not start .bat and .cmd files without a shell (CVE-2024-27980).
  const endings = platform === 'win32' ? ['.exe', '.com'] : ['']
  const files = folders.flatMap((folder) => endings.map((end) => path.join(folder, name + end)))
  return [...new Set(files)].filter(isProgram)
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    // The file does not exist, or the user has no permission to run it. Another folder may contain the program.
    return false
  }
}
