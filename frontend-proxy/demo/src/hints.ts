import type { SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
import { part } from './dom.ts'

/** Shows warnings about features that do not work in this browser, before the user tries these features. */
export function showHints(client: SignalingClient, until: AbortSignal): void {
  part(document, '.insecure', HTMLElement).hidden = isSecureContext
  part(document, '.without-webrtc', HTMLElement).hidden = 'RTCPeerConnection' in window
  const untrusted = part(document, '.untrusted', HTMLElement)
  untrusted.hidden = !mayRefuseWebSocket() || client.state === 'connected'
  // If the WebSocket opens, the certificate is trusted.
  const connected = () => {
    untrusted.hidden = true
  }
  client.addEventListener('connected', connected, { signal: until })
  if (!untrusted.hidden) void showAuthority()
}

/**
 * On iOS a user can open a page despite its certificate, but iOS then refuses the page's WebSocket and shows no
 * reason. Only hosts on the LAN are affected, because no public CA issues certificates for them.
 */
function mayRefuseWebSocket(): boolean {
  const isOnLan = /^[\d.]+$|^\[|\.local$/.test(location.hostname)
  return isIos() && location.protocol === 'https:' && isOnLan
}

/** Whether the browser runs on iOS, where every browser has to use the engine of Safari. */
function isIos(): boolean {
  // An iPad reports that it is a Mac, but no Mac has a touch screen.
  const isIpad = /Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1
  return isIpad || /iPhone|iPad|iPod/.test(navigator.userAgent)
}

/**
 * Shows the link to the certificate of the plugin's certificate authority (CA), if the plugin serves one. (It
 * serves none if the dev server has a certificate from mkcert.)
 */
async function showAuthority(): Promise<void> {
  const install = part(document, '.install', HTMLElement)
  const { href } = part(install, 'a', HTMLAnchorElement)
  try {
    const { headers } = await fetch(href, { method: 'HEAD' })
    install.hidden = headers.get('content-type') !== 'application/x-x509-ca-cert'
  } catch (error) {
    // `fetch` throws a TypeError if the network fails. The certificate cannot be installed then, so the link stays
    // hidden.
    if (!(error instanceof TypeError)) throw error
  }
}
