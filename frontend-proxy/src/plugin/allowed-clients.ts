import { isIP } from 'node:net'
import type { ResolvedConfig } from 'vite'

/** Whom the sidecar lets in beside localhost, addresses and pages of the same host. */
export interface LetIn {
  /** Entries as in Vite's `server.allowedHosts`; `*` is every name. */
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
}

type AllowedHosts = ResolvedConfig['server']['allowedHosts']

const ANY = '*'

/**
 * A page that Vite serves under a name may signal too: the sidecar judges the Host as Vite does.
 * `ownNames` are names of this machine under which pages are opened besides.
 */
export function letInBy(
  allowedHosts: AllowedHosts,
  ownNames: readonly string[],
  allowedOrigins: readonly string[],
): LetIn {
  const listed = allowedHosts === true ? [ANY] : allowedHosts.filter(canMatch)
  return {
    allowedHosts: [...new Set([...listed, ...ownNames])],
    allowedOrigins: allowedOrigins.filter(isOriginEntry),
  }
}

/** A sentence for each entry that lets nobody in, and for what lets everybody in. */
export function remarksOn(
  allowedHosts: AllowedHosts,
  allowedOrigins: readonly string[],
): readonly string[] {
  const everybody =
    'allowedHosts is true: a website that you visit can point a name of its own at this machine (DNS rebinding), and then read and join all rooms here'
  const remarks = allowedHosts === true ? [everybody] : allowedHosts.flatMap(remarkOnHost)
  const wrong = allowedOrigins.filter((entry) => !isOriginEntry(entry))
  return [
    ...new Set(remarks),
    ...wrong.map((entry) => `allowedOrigins: '${entry}' lets nobody in: ${ORIGINS}`),
  ]
}

function remarkOnHost(entry: string): string[] {
  // Vite adds its own `host` and that of `origin`, addresses among them; those are let in anyway.
  if (entry === '' || isIP(entry.replace(/^\[(.*)\]$/, '$1'))) return []
  const name = browsersNameIn(entry)
  if (name === entry) return []
  const instead = name === undefined ? '' : `; write '${name}'`
  return [`allowedHosts: '${entry}' matches no page, in Vite neither${instead}`]
}

/** What a browser sends as the name of a page for which somebody would write this entry. */
function browsersNameIn(entry: string): string | undefined {
  const below = entry.startsWith('.') ? '.' : ''
  const text = below ? entry.slice(1) : entry.replace(/^\*\./, '')
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(url)) return undefined
  const { hostname } = new URL(url)
  if (hostname === '' || /[*]/.test(hostname)) return undefined
  return (below || (entry.startsWith('*.') ? '.' : '')) + hostname
}

// Vite gives an asterisk no meaning, and nobody means by a dot every name that a stranger ends with
// one. Everything else that never matches there does not here either.
function canMatch(entry: string): boolean {
  return !entry.includes(ANY) && entry !== '.'
}

const ORIGINS =
  "an origin is written as browsers send it ('https://app.example:3000', 'chrome-extension://abcdef', 'file://'), with * for what is another one each time ('vscode-webview://*', 'https://*.example.com')"
const ORIGIN =
  /^(?:\*|(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<host>\[[0-9a-f:.]+\]|\*|(?:\*\.)?[^\s/?#@\\,*:[\]|<>^%]+)?(?<port>:(?:\*|[0-9]{1,5}))?\/?)$/i

/** Whether the sidecar can use it: its allow_list.py reads the same. */
export function isOriginEntry(text: string): boolean {
  const { scheme, host, port } = ORIGIN.exec(text)?.groups ?? {}
  if (text === ANY) return true
  if (scheme === undefined || text.length > 255 || /\p{Cc}/u.test(text)) return false
  return host !== undefined || (port === undefined && !/^https?$/i.test(scheme))
}
