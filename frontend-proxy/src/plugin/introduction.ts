import type { ClientRequest, IncomingMessage } from 'node:http'
import type { ProxyOptions } from 'vite'
import type { Upstream } from './upstream.ts'

export type ViteProxy = Parameters<NonNullable<ProxyOptions['configure']>>[0]

/** A page in a browser can send its token only as a subprotocol. The sidecar refuses a request with two tokens. */
const OWN_TOKEN = /(?:^|,)\s*bearer\./

/** Adds the sidecar's token to requests that have none. Removes cookies if the sidecar is on another machine. */
export function introduce(proxy: ViteProxy, { token, isRemote = false }: Upstream): void {
  if (token === undefined && !isRemote) return
  const change = (request: ClientRequest, { headers }: IncomingMessage) => {
    if (isRemote) request.removeHeader('cookie')
    const hasToken =
      /^bearer\s/i.test(headers.authorization ?? '') ||
      OWN_TOKEN.test(headers['sec-websocket-protocol'] ?? '')
    if (token !== undefined && !hasToken) request.setHeader('authorization', `Bearer ${token}`)
  }
  proxy.on('proxyReq', change)
  proxy.on('proxyReqWs', change)
}

/** Reports answers, and refusals in the terminal, because a browser does not tell a page why its WebSocket was refused. */
export function reportRefusals(proxy: ViteProxy, upstream: Upstream): void {
  const report = (answer: IncomingMessage) => {
    upstream.answered?.()
    const { statusCode: status } = answer
    if (status === undefined || !REFUSALS.has(status)) return
    answer.once('data', (text: Buffer) => upstream.refused?.(status, shown(String(text))))
  }
  proxy.on('proxyRes', report)
  proxy.on('proxyReqWs', (request) => {
    request.once('upgrade', () => upstream.answered?.())
    request.once('response', (answer: IncomingMessage) => {
      report(answer)
      const { statusCode: status } = answer
      if (status !== undefined && !REFUSALS.has(status))
        upstream.noWebSocket?.(status, shown(request.path))
    })
  })
}

/** 401: no token or a wrong one. 403: a Host or Origin that is not allowed. 429: too many wrong tokens. */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 429])

/** The sidecar gives its reason in one sentence, but another server may answer with a whole page. */
const SHOWN_CHARS = 300

/** Shortens a text from an untrusted source and removes control characters, so that the terminal can show it. */
export function shown(text: string): string {
  return text
    .slice(0, SHOWN_CHARS)
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
}
