import { createHash } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import path from 'node:path'
import type { ResolvedConfig } from 'vite'
import { SIDECAR_NAME } from './names.ts'

/**
 * The sidecar's state folder of one project: the same path that the sidecar computes itself.
 *
 * It is `platformdirs.user_state_dir("signaling-sidecar")` (platformdirs 4.14: unix.py, macos.py,
 * windows.py), then the project's name and the first 8 hex digits of the SHA-256 of its real path.
 */
export function projectStateFolder(project: string, env = process.env): string | undefined {
  const real = realpathSync.native(project)
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 8)
  const all = userStateFolder(env)
  return all === undefined ? undefined : path.join(all, `${path.basename(real) || 'root'}-${hash}`)
}

/** Undefined: this user has no home folder, as in a container whose user is only a number. */
export function userStateFolder(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
  home: string | undefined = homeFolder(),
): string | undefined {
  if (platform === 'win32') {
    const local = env.LOCALAPPDATA ?? (home && path.win32.join(home, 'AppData', 'Local'))
    if (!local) return undefined
    // Twice: platformdirs takes the name for the author's too when no author is said.
    return path.win32.join(local, SIDECAR_NAME, SIDECAR_NAME)
  }
  // platformdirs ignores a relative XDG folder, and honours an absolute one on macOS too.
  const xdg = env.XDG_STATE_HOME
  if (xdg && path.posix.isAbsolute(xdg)) return path.posix.join(xdg, SIDECAR_NAME)
  if (home === undefined) return undefined
  const state = platform === 'darwin' ? 'Library/Application Support' : '.local/state'
  return path.posix.join(home, state, SIDECAR_NAME)
}

/** `platformdirs.user_cache_dir("signaling-sidecar")`, as above: what all projects share. */
export function userCacheFolder(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
  home: string | undefined = homeFolder(),
): string | undefined {
  if (platform === 'win32') {
    const local = env.LOCALAPPDATA ?? (home && path.win32.join(home, 'AppData', 'Local'))
    if (!local) return undefined
    return path.win32.join(local, SIDECAR_NAME, SIDECAR_NAME, 'Cache')
  }
  const xdg = env.XDG_CACHE_HOME
  if (xdg && path.posix.isAbsolute(xdg)) return path.posix.join(xdg, SIDECAR_NAME)
  if (home === undefined) return undefined
  return path.posix.join(home, platform === 'darwin' ? 'Library/Caches' : '.cache', SIDECAR_NAME)
}

/** As platformdirs finds it: a `HOME` that is no absolute path counts for nothing. */
function homeFolder(): string | undefined {
  try {
    const home = homedir()
    return path.isAbsolute(home) ? home : userInfo().homedir
  } catch {
    // Neither the environment nor the list of users knows one.
    return undefined
  }
}

/** What Vite hands out to anybody. */
export function servedFolders({ root, publicDir, server, build }: ResolvedConfig): string[] {
  // fs.allow is what `/@fs/` reaches outside the root, by default the npm workspace; outDir is what
  // `vite preview` serves.
  return [root, publicDir, ...server.fs.allow, path.resolve(root, build.outDir)].filter(Boolean)
}

/**
 * The first of the served folders that holds `folder`, or undefined.
 *
 * Vite hands every file in them to whoever can reach it, the LAN included, and tells its watcher
 * of every line that is appended; file modes do not help, because Vite runs as the same user.
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

// A state folder need not exist yet; a link above it decides where it will be.
function realPathOfNearest(folder: string): string {
  const absolute = path.resolve(folder)
  if (existsSync(absolute)) return realpathSync.native(absolute)
  const parent = path.dirname(absolute)
  return parent === absolute
    ? absolute
    : path.join(realPathOfNearest(parent), path.basename(absolute))
}
