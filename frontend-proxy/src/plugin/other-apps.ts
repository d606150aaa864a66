import { readdir } from 'node:fs/promises'
import path from 'node:path'
import type { Log } from './log.ts'
import { findRunningSidecar } from './running-sidecar.ts'
import { userFolder } from './state-folder.ts'

/** How often the search is repeated. (Another app may be started at any time.) */
const SEARCH_EVERY_MS = 5_000

/**
 * Prints a line when another app in the same repository runs its own sidecar, because a developer may
 * expect the pages of both apps to meet in one room. Returns a function that ends the search.
 *
 * `projectFolders` are the folders from this app up to the root of the repository.
 */
export function watchOtherApps(projectFolders: readonly string[], log: Log): () => void {
  const repository = projectFolders.at(-1)
  if (repository === undefined || projectFolders.length === 1) return () => {}
  const reported = new Set<string>()
  const search = async () => {
    for (const project of await projectsWithSidecars()) {
      const isOther = project.startsWith(repository + path.sep) && !projectFolders.includes(project)
      if (!isOther || reported.has(project)) continue
      reported.add(project)
      log.info(
        `${path.relative(repository, project)} runs its own sidecar, so its pages and the pages of this app do not meet in rooms. To share one sidecar, stop both apps and first run "sidecar serve" in ${repository}`,
      )
    }
  }
  const timer = setInterval(search, SEARCH_EVERY_MS).unref()
  void search()
  return () => clearInterval(timer)
}

async function projectsWithSidecars(): Promise<string[]> {
  const all = userFolder('state', process.env)
  if (all === undefined) return []
  // If the folder does not exist, no sidecar has ever run for this user.
  const names = await readdir(all).catch(() => [])
  const running = await Promise.all(names.map((name) => findRunningSidecar([path.join(all, name)])))
  return running.flatMap((sidecar) => sidecar?.project ?? [])
}
