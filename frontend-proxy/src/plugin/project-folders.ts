import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { searchForWorkspaceRoot } from 'vite'

/**
 * Returns the project's folder and its parents, nearest first, up to the root of the repository (the
 * folder with `.git`), or of the npm workspace if there is no repository. Higher folders are left out,
 * because a `.venv` in /tmp, for example, may contain a program of another user.
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
 * Returns the nearest of these folders with a package.json. Vite's root may be a subfolder of the
 * project (`app/` in Nuxt), but commands such as `sidecar why` are run in the project's folder.
 */
export function projectIn(folders: readonly string[]): string | undefined {
  return folders.find((folder) => existsSync(path.join(folder, 'package.json')))
}

export function isFolder(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false
}
