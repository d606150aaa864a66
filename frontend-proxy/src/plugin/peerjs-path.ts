import type { IncomingMessage } from 'node:http'
import type { ProxyOptions } from 'vite'
import { shown } from './introduction.ts'
import type { Log } from './log.ts'
import type { PageServer } from './page-server.ts'
import { isProxied, SIGNALING_PATH } from './proxy-rule.ts'

/**
 * Matches the URLs that PeerJS requests: its WebSocket's URL and, for a page without an id, the URL that returns a
 * new id.
 */
const OF_PEERJS = /\/(peerjs\?key=[^&]*&id=[^&]*&token=|[^/]+\/id\?ts=[^&]*&version=)/

/**
 * Prints one warning if PeerJS on a page does not use the path of the sidecar, for instance because its option
 * `path` is not set. Vite never answers a WebSocket at another path, and answers the request for an id with the
 * app's page, so PeerJS reports no error, or a misleading one.
 */
export function warnOfWrongPath(
  server: PageServer,
  proxy: Record<string, string | ProxyOptions> | undefined,
  log: Log,
): void {
  const look = ({ url = '/' }: IncomingMessage) => {
    if (!OF_PEERJS.test(url) || isProxied(url, proxy)) return
    server.off('upgrade', look)
    server.off('request', look)
    log.warn(
      `a page with PeerJS asks for ${JSON.stringify(shown(url.split('?')[0] ?? ''))}, where the sidecar is not; set its option: new Peer(id, { …, path: '${SIGNALING_PATH}' })`,
    )
  }
  server.on('upgrade', look)
  server.on('request', look)
}
