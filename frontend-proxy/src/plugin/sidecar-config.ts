import path from 'node:path'
import type { ResolvedConfig } from 'vite'
import { type Plan, startRefusal } from './options.ts'
import { projectFolders, projectIn } from './project-folders.ts'
import { projectStateFolder, servedFolderAround, servedFolders } from './state-folder.ts'
import { TEST_FLAGS } from './test-folder.ts'

/** How to find or start the sidecar of a project. Two Vite servers with equal configs can use the same process. */
export interface SidecarConfig {
  readonly root: string
  /**
   * The project's folder and its parents, nearest first. The program is searched for in the `.venv` of each of
   * these folders.
   */
  readonly projectFolders: readonly string[]
  /** The folders in which a running sidecar of this project may have written its runtime.json. */
  readonly stateFolders: readonly string[]
  /** The folders that Vite serves. None of them may contain the state folder. */
  readonly servedFolders: readonly string[]
  readonly command: readonly string[] | undefined
  readonly args: readonly string[]
  /** The path of the hooks file in the plugin's options. */
  readonly hooks: string | undefined
  readonly env: Readonly<Record<string, string>>
  /**
   * The folder of the project, if the sidecar is only for the project's tests. The plugin then announces the first
   * of `stateFolders` to these tests.
   */
  readonly testsOf: string | undefined
  /** The reason why no sidecar may be started. A sidecar that is already running is used nevertheless. */
  readonly startRefusal: string | undefined
}

type SidecarPlan = Extract<Plan, { kind: 'sidecar' }>

/**
 * Returns the config that follows from the plugin's options. `testFolder` is the state folder of a sidecar for
 * tests. Throws an error with one sentence if the state folder would be in a folder that Vite serves.
 */
export function sidecarConfigFrom(
  plan: SidecarPlan,
  config: ResolvedConfig,
  testFolder: string,
): SidecarConfig {
  const { root } = config
  const { command, args = [], env = {}, port = 0 } = plan.details
  const folders = projectFolders(root)
  const project = projectIn(folders) ?? root
  // The variable SIDECAR_STATE_DIR has the same effect as the option `stateDir`, so its value is checked as well.
  const set = plan.stateDir ?? env.SIDECAR_STATE_DIR ?? process.env.SIDECAR_STATE_DIR
  const named = plan.test ? testFolder : set
  const stateDir = named ? path.resolve(root, named) : undefined
  const hooks = plan.hooks === undefined ? undefined : path.resolve(root, plan.hooks)
  const stateFolders = stateFoldersOf(folders, stateDir)
  const allServed = servedFolders(config)
  const [first] = stateFolders
  const served = first && servedFolderAround(first, allServed)
  if (first && served) throw new Error(stateFolderRefusal(first, served))
  return {
    root,
    projectFolders: folders,
    stateFolders,
    servedFolders: allServed,
    command: typeof command === 'string' ? [command] : command,
    args: [
      ...['--port', String(port), '--project', project, '--exit-on-stdin-eof'],
      ...(plan.test ? TEST_FLAGS : ['--reload', 'auto']),
      ...(stateDir ? ['--state-dir', stateDir] : []),
      ...(hooks === undefined ? [] : ['--hooks', hooks]),
      ...args,
    ],
    hooks,
    // With this variable, the advice that the sidecar prints names options of the plugin instead of flags.
    env: { SIDECAR_ADVICE: 'plugin', ...env },
    testsOf: plan.test ? project : undefined,
    startRefusal: startRefusal(plan, process.env),
  }
}

/** Returns `stateDir` if it is set, or else the default state folders of these projects. */
export function stateFoldersOf(
  projects: readonly string[],
  stateDir: string | undefined,
): readonly string[] {
  // Without a home folder there are no default folders. The sidecar then prints what to do.
  return stateDir ? [stateDir] : projects.flatMap((folder) => projectStateFolder(folder) ?? [])
}

export function stateFolderRefusal(stateDir: string, served: string): string {
  return `the state folder ${stateDir} is inside ${served}, which Vite serves to everybody who can reach it; choose a stateDir outside`
}
