import { createHash } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import path from 'node:path'
import type { ResolvedConfig } from 'vite'
import { SIDECAR_NAME } from './names.ts'

/**
 * Returns the sidecar's state folder for one project. The sidecar computes the same path itself:
 * `platformdirs.user_state_dir("signaling-sidecar")` (platformdirs 4.14: unix.py, macos.py,
 * windows.py), then the project's name and the first 8 hex digits of the SHA-256 of its real path.
 */
export function projectStateFolder(
  project: string,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const real = realpathSync.native(project)
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 8)
  const all = userFolder('state', env)
  return all === undefined ? undefined : path.join(all, `${path.basename(real) || 'root'}-${hash}`)
}

/** For each kind of folder, its variable in the XDG standard, and where it is on each system. */
const USER_FOLDERS = {
  state: {
    xdg: 'XDG_STATE_HOME',
    mac: 'Library/Application Support',
    other: '.local/state',
    windows: '',
  },
  cache: { xdg: 'XDG_CACHE_HOME', mac: 'Library/Caches', other: '.cache', windows: 'Cache' },
} as const

/**
 * Returns the folder with the state folders of all projects, or the cache folder that all projects share: platformdirs'
 * `user_state_dir("signaling-sidecar")` or `user_cache_dir`. Returns undefined if the user has no home folder.
 */
export function userFolder(
  kind: keyof typeof USER_FOLDERS,
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
  home: string | undefined = homeFolder(),
): string | undefined {
  const { xdg, mac, other, windows } = USER_FOLDERS[kind]
  if (platform === 'win32') {
    const local = env.LOCALAPPDATA ?? (home && path.win32.join(home, 'AppData', 'Local'))
    if (!local) return undefined
    // On Windows the path contains the name twice, because platformdirs uses it as the author's name as well.
    return path.win32.join(local, SIDECAR_NAME, SIDECAR_NAME, windows)
  }
  // platformdirs ignores a relative XDG folder, and uses an absolute one on macOS too.
  const chosen = env[xdg]
  if (chosen && path.posix.isAbsolute(chosen)) return path.posix.join(chosen, SIDECAR_NAME)
  if (home === undefined) return undefined
  return path.posix.join(home, platform === 'darwin' ? mac : other, SIDECAR_NAME)
}

/** Finds the home folder as platformdirs does, which ignores a relative path in `HOME`. */
function homeFolder(): string | undefined {
  try {
    const home = homedir()
    return path.isAbsolute(home) ? home : userInfo().homedir
  } catch {
    // Neither the environment nor the system's list of users contains a home folder.
    return undefined
  }
}

/** Returns the folders whose files Vite serves. */
export function servedFolders({ root, publicDir, server, build }: ResolvedConfig): string[] {
  // `/@fs/` URLs reach the folders in `fs.allow` (by default the npm workspace), and `vite preview`
  // serves `outDir`.
  return [root, publicDir, ...server.fs.allow, path.resolve(root, build.outDir)].filter(Boolean)
}

/**
 * Returns the first served folder that contains `folder`, or undefined.
 *
 * Vite sends every file in a served folder to everybody who can reach Vite, and Vite's watcher reacts to every
 * appended line. File permissions do not help, because Vite runs as the same user.
 */
export function servedFolderAround(
  folder: string,
  servedFolders: readonly string[],
): string | undefined {
  const real = realPathOfNearest(folder)
  return servedFolders.find((served) => {
    const steps = path.relative(realPathOfNearest(served), real)
    return steps !== '..' && !steps.startsWith(`..${path.sep}`) && !path.isAbsolute(steps)
  })
}

/** Whether two paths lead to the same file, perhaps by symbolic links. */
export function isSameFile(file: string, other: string | undefined): boolean {
  return other !== undefined && realPathOfNearest(file) === realPathOfNearest(other)
}

// Returns the real path of a folder, even if the folder does not exist yet. (Its parents may be symbolic links.)
function realPathOfNearest(folder: string): string {
  const absolute = path.resolve(folder)
  if (existsSync(absolute)) return realpathSync.native(absolute)
  const parent = path.dirname(absolute)
  return parent === absolute
    ? absolute
    : path.join(realPathOfNearest(parent), path.basename(absolute))
}
