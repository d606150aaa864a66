import { existsSync } from 'node:fs'
import path from 'node:path'
import { searchForWorkspaceRoot } from 'vite'

/**
 * The project's folder and its parents, nearest first, up to the repository's root (where `.git`
 * is), else up to the npm workspace's. Nothing above: a `.venv` in /tmp is somebody else's program.
 */
export function projectFolders(root: string): string[] {
  const parents = [path.resolve(root)]
  for (let folder = path.resolve(root); folder !== path.dirname(folder); ) {
    folder = path.dirname(folder)
    parents.push(folder)
  }
  const repository = parents.findIndex((folder) => existsSync(path.join(folder, '.git')))
  const top =
    repository >= 0 ? repository : parents.indexOf(path.resolve(searchForWorkspaceRoot(root)))
  return parents.slice(0, top + 1)
}

/**
 * The project among these folders: the one with the package.json. Vite's root may be below it
 * (Nuxt's is `app/`), where nobody types `sidecar why`.
 */
export function projectIn(folders: readonly string[]): string | undefined {
  return folders.find((folder) => existsSync(path.join(folder, 'package.json')))
}
