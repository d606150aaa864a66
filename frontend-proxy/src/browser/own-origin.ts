/** Where Vite proxies to the sidecar, on the origin that the page came from. */
export function ownOriginUrl(): string {
  const url = new URL('/ws/signaling', location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
