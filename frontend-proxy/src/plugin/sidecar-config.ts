import path from 'node:path'
import type { ResolvedConfig } from 'vite'
import { type Plan, startRefusal } from './options.ts'
import { projectFolders, projectIn } from './project-folders.ts'
import { stateFolderRefusal, type Wish } from './sidecar-supervisor.ts'
import { projectStateFolder, servedFolderAround, servedFolders } from './state-folder.ts'

type SidecarPlan = Extract<Plan, { kind: 'sidecar' }>

/** Throws one sentence when the state folder would be among the files that Vite serves. */
export function wishFrom(plan: SidecarPlan, config: ResolvedConfig): Wish {
  const { root } = config
  const { command, args = [], env = {}, port = 0 } = plan.details
  const folders = projectFolders(root)
  const project = projectIn(folders) ?? root
  // The sidecar's own setting counts as ours: it must be judged, and it says where to find one.
  const said = plan.stateDir ?? env.SIDECAR_STATE_DIR ?? process.env.SIDECAR_STATE_DIR
  const stateDir = said ? path.resolve(root, said) : undefined
  // Without a home folder there is none of ours to look into; the sidecar says what helps.
  const own = folders.flatMap((folder) => projectStateFolder(folder) ?? [])
  const stateFolders = stateDir ? [stateDir] : own
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
      ...['--port', String(port), '--project', project, '--exit-on-stdin-eof', '--reload', 'auto'],
      ...(stateDir ? ['--state-dir', stateDir] : []),
      ...(plan.hooks === undefined ? [] : ['--hooks', path.resolve(root, plan.hooks)]),
      ...args,
    ],
    // Whoever reads its terminal reads Vite's, and has typed none of its flags.
    env: { SIDECAR_ADVICE: 'plugin', ...env },
    startRefusal: startRefusal(plan.explicit, process.env),
  }
}
