import type { ClientRequest, IncomingMessage } from 'node:http'
import type { ProxyOptions } from 'vite'
import type { Upstream } from './upstream.ts'

export type ViteProxy = Parameters<NonNullable<ProxyOptions['configure']>>[0]

/** Tells the sidecar who uses this Vite, and nothing that concerns only this machine. */
export function introduce(proxy: ViteProxy, { token, isRemote = false }: Upstream): void {
  if (token === undefined && !isRemote) return
  const change = (request: ClientRequest, { headers }: IncomingMessage) => {
    if (isRemote) request.removeHeader('cookie')
    if (token !== undefined && headers.authorization === undefined)
      request.setHeader('authorization', `Bearer ${token}`)
  }
  proxy.on('proxyReq', change)
  proxy.on('proxyReqWs', change)
}

/** A browser does not show a page why its WebSocket was refused, so the terminal has to. */
export function reportRefusals(proxy: ViteProxy, upstream: Upstream): void {
  const report = (answer: IncomingMessage) => {
    const { statusCode: status } = answer
    if (status === undefined || !REFUSALS.has(status)) return
    answer.once('data', (text: Buffer) => upstream.refused?.(status, shown(String(text))))
  }
  proxy.on('proxyRes', report)
  proxy.on('proxyReqWs', (request) =>
    request.once('response', (answer: IncomingMessage) => {
      report(answer)
      const { statusCode: status } = answer
      if (status !== undefined && !REFUSALS.has(status))
        upstream.noWebSocket?.(status, shown(request.path))
    }),
  )
}

/** No or a wrong token, a Host or Origin that is not allowed, and too many wrong tokens. */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 429])

/** A refusal of the sidecar is one sentence. Another server may answer with a whole page. */
const SHOWN_CHARS = 300

/** Returns the start of a text of somebody else, which may be long and contain commands for the terminal. */
export function shown(text: string): string {
  return text
    .slice(0, SHOWN_CHARS)
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
}
