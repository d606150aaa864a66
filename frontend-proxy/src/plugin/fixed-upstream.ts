import { randomUUID } from 'node:crypto'
import path from 'node:path'
import type { Log } from './log.ts'
import { OnceEach } from './once-each.ts'
import { projectFolders } from './project-folders.ts'
import { findByAddress, isRunning } from './running-sidecar.ts'
import { stateFoldersOf } from './sidecar-config.ts'
import type { Upstream } from './upstream.ts'

/** The plugin's options `target` and `token`. */
export interface FixedTarget {
  readonly target: string
  readonly token: string | undefined
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/

/** Whether the sidecar runs on another machine. This is assumed if the host in its URL is not loopback. */
function isRemote(target: string): boolean {
  return !LOOPBACK.test(new URL(target).hostname)
}

/**
 * Returns the `Upstream` for a sidecar that the plugin does not start. `root` is Vite's root. `hostRefusal`
 * returns the reason if the host of a page is not allowed.
 */
export function fixedUpstream(
  { target, token }: FixedTarget,
  root: string,
  hostRefusal: NonNullable<Upstream['hostRefusal']>,
  log: Log,
): Upstream {
  if (token !== undefined && isRemote(target) && target.startsWith('http:'))
    log.warn(`the token is sent to ${target} without encryption; use https`)
  const once = new OnceEach(`more warnings about ${target} are not shown until Vite restarts`)
  const warnOnce = (text: string) => once.print(text, log.warn)
  let isDown = false
  return {
    url: target,
    token,
    isRemote: isRemote(target),
    problem: undefined,
    async adminToken() {
      // If that sidecar was started for this project, its admin token is in a state folder of the project.
      const { SIDECAR_STATE_DIR: named } = process.env
      const stateDir = named ? path.resolve(root, named) : undefined
      const found = await findByAddress(stateFoldersOf(projectFolders(root), stateDir), target)
      const isUseful = found && (token === undefined || (await isRunning(found)))
      return (isUseful ? found.adminToken : undefined) ?? token
    },
    hostRefusal(host) {
      const refusal = isRemote(target) ? hostRefusal(host) : undefined
      if (refusal !== undefined) warnOnce(`a page was refused (403): ${refusal}`)
      return refusal
    },
    // A sidecar that the plugin does not start does not know this secret. The proxy sends the secret nevertheless,
    // to overwrite a value that a client may have sent in the header `PROXY_HEADER`.
    secret: randomUUID(),
    starting: () => undefined,
    unreachable() {
      if (!isDown) log.warn(`no sidecar answers at ${target}; is it running?`)
      isDown = true
    },
    answered() {
      isDown = false
    },
    failed: (error) => warnOnce(`the proxy to ${target} failed: ${error.message}`),
    noWebSocket: (status, path) =>
      warnOnce(
        `${target} has answered a WebSocket for ${path.split('?')[0]} with ${status}; is a sidecar behind it?`,
      ),
    refused: (status, reason) => warnOnce(refusal({ target, token }, status, reason)),
  }
}

function refusal({ target, token }: FixedTarget, status: number, reason: string): string {
  const advice =
    status !== 401
      ? ''
      : token === undefined
        ? "; set the plugin's option `token`, or the option `token` of the page's SignalingClient"
        : "; check the plugin's option `token`"
  return `the sidecar at ${target} has refused a page (${status}): ${reason}${advice}`
}
