import type { Mesh, SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
import { part } from './dom.ts'

/**
 * How long to wait for a connection before the link is shown. (Two pages in the same network usually connect within
 * half a second.)
 */
const SHOW_AFTER_MS = 4_000

/** Shows the link "Not connecting?" if the client or a peer is still not connected after a few seconds. */
export function showHelpLink(client: SignalingClient, mesh: Mesh, until: AbortSignal): void {
  const help = part(document, '.help', HTMLElement)
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = () => {
    clearTimeout(timer)
    timer = undefined
    help.hidden = true
  }
  const update = () => {
    const isConnected = client.room === undefined ? client.state === 'connected' : client.joined
    const isTrying = mesh.peers.some(({ state }) => state === 'connecting' || state === 'failed')
    if (isConnected && !isTrying) stop()
    else
      timer ??= setTimeout(() => {
        help.hidden = false
      }, SHOW_AFTER_MS)
  }
  const options = { signal: until }
  for (const name of ['connected', 'disconnected', 'peer_list', 'resumed', 'left'] as const) {
    client.addEventListener(name, update, options)
  }
  for (const name of ['added', 'changed', 'removed'] as const) {
    mesh.addEventListener(name, update, options)
  }
  until.addEventListener('abort', stop)
  update()
}
