import type { Mesh, SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
import { part } from './dom.ts'

/** Two pages of one network are connected in half a second. */
const PATIENCE_MS = 4_000

/** "Not connecting?", only while something has not connected for a while. */
export function offerHelp(client: SignalingClient, mesh: Mesh, until: AbortSignal): void {
  const help = part(document, '.help', HTMLElement)
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = () => {
    clearTimeout(timer)
    timer = undefined
    help.hidden = true
  }
  const look = () => {
    const isReached = client.room === undefined ? client.state === 'connected' : client.joined
    const isTrying = mesh.peers.some(({ state }) => state === 'connecting' || state === 'failed')
    if (isReached && !isTrying) stop()
    else
      timer ??= setTimeout(() => {
        help.hidden = false
      }, PATIENCE_MS)
  }
  const options = { signal: until }
  for (const name of ['connected', 'disconnected', 'peer_list', 'resumed', 'left'] as const) {
    client.addEventListener(name, look, options)
  }
  for (const name of ['added', 'changed', 'removed'] as const) {
    mesh.addEventListener(name, look, options)
  }
  until.addEventListener('abort', stop)
  look()
}
