import type { IncomingMessage } from 'node:http'
import type { ProxyOptions } from 'vite'
import type { Log } from './log.ts'
import type { PageServer } from './page-server.ts'

/** What PeerJS asks for if its option `path` is not set: the WebSocket, and an id before it. */
const DEFAULT_PATH = /^\/peerjs(\/id)?\?/

const SENTENCE =
  "a page with PeerJS asks for /peerjs, which is not the sidecar's path; set its option: new Peer(id, { …, path: '/ws/signaling' })"

/**
 * Tells developers, once, that PeerJS uses its default path. Vite never answers that WebSocket, and
 * answers the request for an id with the app's page, so PeerJS reports nothing or nonsense.
 */
export function warnOfDefaultPath(
  server: PageServer,
  proxy: Record<string, string | ProxyOptions> | undefined,
  log: Log,
): void {
  const look = ({ url = '/' }: IncomingMessage) => {
    if (!DEFAULT_PATH.test(url) || isProxied(url, proxy)) return
    server.off('upgrade', look)
    server.off('request', look)
    log.warn(SENTENCE)
  }
  server.on('upgrade', look)
  server.on('request', look)
}

/** Whether a rule of the user forwards the request, perhaps to a PeerJS server of their own. */
function isProxied(url: string, proxy: Record<string, unknown> = {}): boolean {
  return Object.keys(proxy).some((rule) =>
    rule.startsWith('^') ? new RegExp(rule).test(url) : url.startsWith(rule),
  )
}
