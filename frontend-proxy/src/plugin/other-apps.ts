import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { findRunningSidecar } from './running-sidecar.ts'
import type { Log } from './sidecar-supervisor.ts'
import { userStateFolder } from './state-folder.ts'

/** The other app may be started at any time, and only its own terminal hears of that at once. */
const LOOK_EVERY_MS = 5_000

/**
 * Says when another app of the same repository runs a sidecar of its own: a room of one is not that
 * of the other, and nothing else would tell. Returns what ends it.
 *
 * `projectFolders` go from the app up to the repository; only below its root are others looked for.
 */
export function watchOtherApps(projectFolders: readonly string[], log: Log): () => void {
  const repository = projectFolders.at(-1)
  if (repository === undefined || projectFolders.length === 1) return () => {}
  const said = new Set<string>()
  const look = async () => {
    for (const project of await projectsWithSidecars()) {
      const isOther = project.startsWith(repository + path.sep) && !projectFolders.includes(project)
      if (!isOther || said.has(project)) continue
      said.add(project)
      log.info(
        `${path.relative(repository, project)} runs a sidecar of its own: its pages and those of this app do not meet. To share one, stop both and first run "sidecar serve" in ${repository}`,
      )
    }
  }
  const timer = setInterval(look, LOOK_EVERY_MS).unref()
  void look()
  return () => clearInterval(timer)
}

async function projectsWithSidecars(): Promise<string[]> {
  const all = userStateFolder(process.env)
  if (all === undefined) return []
  // None has ever run here, or the folder is not ours to read: then there is nobody to tell of.
  const names = await readdir(all).catch(() => [])
  const running = await Promise.all(names.map((name) => findRunningSidecar([path.join(all, name)])))
  return running.flatMap((sidecar) => sidecar?.project ?? [])
}
