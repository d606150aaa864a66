import type { ServerResponse } from 'node:http'
import type { Failure } from './inspector-forward.ts'
import type { Asked } from './inspector-visitor.ts'

/** Sets security headers. An answer of the sidecar may later replace the Content-Security-Policy with its own. */
export function setSafeHeaders(response: ServerResponse, asked: Asked): void {
  for (const name of response.getHeaderNames()) {
    // By default, Vite's CORS headers let pages on every port of localhost read all answers of the dev server.
    if (name.startsWith('access-control-')) response.removeHeader(name)
  }
  // A link in the overlay reuses the tab that shows the inspector. With the opener policy `same-origin`, that tab
  // would be in another browsing context group, where the link does not find it.
  const isOpenedByApp = response.req.headers['sec-fetch-site'] === 'same-origin'
  const headers = {
    'Cache-Control': 'no-store',
    'Content-Security-Policy': `default-src 'none'; frame-ancestors ${asked === 'page' ? "'self'" : "'none'"}`,
    // Vite DevTools shows the page in a frame. In a cross-origin isolated app, the frame loads only if this header
    // is `require-corp`.
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Opener-Policy': isOpenedByApp ? 'unsafe-none' : 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
}

/** Answers with an error: as JSON if a script has asked for data, or else as a page. */
export function answerWith(response: ServerResponse, failure: Failure, asked: Asked): void {
  const { status, code, message } = failure
  if (response.headersSent || response.destroyed) return
  setSafeHeaders(response, asked)
  if (asked === 'data') {
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ code, message }))
    return
  }
  response.setHeader('Content-Security-Policy', PAGE_POLICY)
  // The browser reloads the page, so the inspector appears when the sidecar has started.
  if (status === 503) response.setHeader('Refresh', '2')
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8' })
  response.end(pageOf(failure))
}

const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"

function pageOf({ code, message }: Failure): string {
  const sentence = `${message.charAt(0).toUpperCase()}${message.slice(1)}.`
  const linked = escaped(sentence).replace(/https?:\/\/[^\s,;<]+/, '<a href="$&">$&</a>')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Signaling inspector</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 40rem; margin: 4rem auto; padding: 0 1rem; overflow-wrap: anywhere }
</style>
<h1>The inspector cannot be shown</h1>
<p>${linked}</p>
<p><code>${escaped(code)}</code></p>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
