import type { SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
import { part } from './dom.ts'

/** Says what this page cannot do here and what helps, before it tries. */
export function showHints(client: SignalingClient, until: AbortSignal): void {
  part(document, '.insecure', HTMLElement).hidden = isSecureContext
  const untrusted = part(document, '.untrusted', HTMLElement)
  untrusted.hidden = !mayRefuseWebSocket() || client.state === 'connected'
  // Then the certificate has been installed.
  const connected = () => {
    untrusted.hidden = true
  }
  client.addEventListener('connected', connected, { signal: until })
  if (!untrusted.hidden) void showAuthority()
}

/**
 * iOS opens a page whose certificate somebody has clicked through, and then refuses its WebSocket
 * without a word. No public authority certifies such a host, so it depends on what was installed.
 */
function mayRefuseWebSocket(): boolean {
  const isOnLan = /^[\d.]+$|^\[|\.local$/.test(location.hostname)
  return isIos() && location.protocol === 'https:' && isOnLan
}

/** Every browser there, because Apple lets them all only be Safari underneath. */
function isIos(): boolean {
  // An iPad calls itself a Mac, but no Mac has a touch screen.
  const isIpad = /Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1
  return isIpad || /iPhone|iPad|iPod/.test(navigator.userAgent)
}

/** The certificate to install is there when the plugin has made it; mkcert's is a file of mkcert's. */
async function showAuthority(): Promise<void> {
  const install = part(document, '.install', HTMLElement)
  const { href } = part(install, 'a', HTMLAnchorElement)
  try {
    const { headers } = await fetch(href, { method: 'HEAD' })
    install.hidden = headers.get('content-type') !== 'application/x-x509-ca-cert'
  } catch (error) {
    if (!(error instanceof TypeError)) throw error // else the network is gone: nothing can be installed now
  }
}
