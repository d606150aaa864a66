import { accessSync, constants, statSync } from 'node:fs'
import path from 'node:path'
import { SIDECAR_NAME } from './identity.ts'

/**
 * The words that begin the sidecar's command line: from `$VIRTUAL_ENV`, else the nearest `.venv`,
 * else `PATH`, else `uvx` (which installs it on first use); undefined when there is none of them.
 */
export function findCommand(
  folders: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string[] | undefined {
  const environments = folders.map((folder) => path.join(folder, '.venv'))
  if (env.VIRTUAL_ENV) environments.unshift(env.VIRTUAL_ENV)
  const scripts = environments.map((folder) =>
    path.join(folder, platform === 'win32' ? 'Scripts' : 'bin'),
  )
  const program = findProgram(SIDECAR_NAME, [...scripts, ...pathFolders(env, platform)], platform)
  if (program) return [program]
  const uvx = findProgram('uvx', pathFolders(env, platform), platform)
  return uvx ? [uvx, '--from', `${SIDECAR_NAME}[lan,reload]`, SIDECAR_NAME] : undefined
}

function pathFolders(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string[] {
  // Windows writes it `Path`, and an object copied from process.env knows only that spelling.
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
  const folders = (env[key] ?? '').split(platform === 'win32' ? ';' : ':')
  // A relative entry would mean "in whatever folder Vite was started".
  return folders.filter((folder) => path.isAbsolute(folder))
}

function findProgram(
  name: string,
  folders: readonly string[],
  platform: NodeJS.Platform,
): string | undefined {
  // Of PATHEXT only what runs without a shell: Node refuses .bat and .cmd (CVE-2024-27980).
  const endings = platform === 'win32' ? ['.exe', '.com'] : ['']
  const files = folders.flatMap((folder) => endings.map((end) => path.join(folder, name + end)))
  return files.find(isProgram)
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
