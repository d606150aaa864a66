import type { ServerResponse } from 'node:http'
import type { Failure } from './inspector-forward.ts'
import type { Asked } from './inspector-visitor.ts'

/** Sets the headers of every answer. The sidecar may replace the Content-Security-Policy with its own. */
export function setSafeHeaders(response: ServerResponse, asked: Asked): void {
  for (const name of response.getHeaderNames()) {
    // Vite lets the pages of every port of localhost read its answers.
    if (name.startsWith('access-control-')) response.removeHeader(name)
  }
  // The overlay reuses the tab of the inspector. It finds no tab in another browsing context group.
  const isOpenedByApp = response.req.headers['sec-fetch-site'] === 'same-origin'
  const headers = {
    'Cache-Control': 'no-store',
    'Content-Security-Policy': `default-src 'none'; frame-ancestors ${asked === 'page' ? "'self'" : "'none'"}`,
    // Vite DevTools shows the page in a frame, also in an app that is isolated from other origins.
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Opener-Policy': isOpenedByApp ? 'unsafe-none' : 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
}

/** Answers with the reason why there is nothing to show: for a script as JSON, or else as a page. */
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
  // The page appears by itself when the sidecar has started.
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
