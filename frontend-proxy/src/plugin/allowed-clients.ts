import { isIP } from 'node:net'
import type { ResolvedConfig } from 'vite'

/** The hosts and origins that the sidecar accepts, besides localhost, IP addresses, and pages of the same host. */
export interface AllowedClients {
  /** Entries with the syntax of Vite's `server.allowedHosts`. `*` stands for every name. */
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
}

type AllowedHosts = ResolvedConfig['server']['allowedHosts']
type Cors = ResolvedConfig['server']['cors']

/** The entry that stands for every name in `allowedHosts`, and for every origin in `allowedOrigins`. */
export const ANY = '*'

/**
 * Returns the clients to allow: the host names that Vite accepts (`allowedHosts`), the names of this
 * machine on the network (`ownNames`), and the configured origins.
 */
export function allowedClients(
  allowedHosts: AllowedHosts,
  ownNames: readonly string[],
  allowedOrigins: readonly string[],
): AllowedClients {
  const listed = allowedHosts === true ? [ANY] : allowedHosts.filter(canMatch)
  return {
    allowedHosts: [...new Set([...listed, ...ownNames])],
    allowedOrigins: allowedOrigins.filter(isOriginEntry),
  }
}

/**
 * Returns the origins in Vite's option `cors`. Pages of these origins may load the modules of the app, so they
 * should also be able to connect to the sidecar. Patterns and functions are left out, because the sidecar cannot
 * use them, and so are origins with an asterisk, which is not a wildcard in Vite.
 */
export function originsIn(cors: Cors): readonly string[] {
  const origin: unknown = typeof cors === 'object' ? cors.origin : undefined
  const origins: readonly unknown[] = Array.isArray(origin) ? origin : [origin]
  const named = origins.filter((each) => typeof each === 'string')
  return named.filter((each) => !each.includes(ANY) && isOriginEntry(each))
}

/** Returns a warning for each entry that can match no page, and one if `allowedHosts` is true. */
export function warningsFor(
  allowedHosts: AllowedHosts,
  allowedOrigins: readonly string[],
): readonly string[] {
  const everybody =
    'allowedHosts is true, so any website that you visit can point a name of its own at this machine (DNS rebinding) and then read and join all rooms here'
  const warnings = allowedHosts === true ? [everybody] : allowedHosts.flatMap(warningsForHost)
  const wrong = allowedOrigins.filter((entry) => !isOriginEntry(entry))
  return [
    ...new Set(warnings),
    ...wrong.map((entry) => `allowedOrigins: '${entry}' allows no page; ${ORIGIN_SYNTAX}`),
  ]
}

function warningsForHost(entry: string): string[] {
  // Vite adds the hosts in `server.host` and `server.origin`. IP addresses are always allowed.
  if (entry === '' || isIP(entry.replace(/^\[(.*)\]$/, '$1'))) return []
  const name = correctedHost(entry)
  if (name === entry) return []
  const instead = name === undefined ? '' : `; write '${name}'`
  return [`allowedHosts: '${entry}' matches no page, neither here nor in Vite${instead}`]
}

/** Returns the entry that was probably meant, in the form in which browsers send a host name. */
function correctedHost(entry: string): string | undefined {
  const below = entry.startsWith('.') ? '.' : ''
  const text = below ? entry.slice(1) : entry.replace(/^\*\./, '')
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(url)) return undefined
  const { hostname } = new URL(url)
  if (hostname === '' || /[*]/.test(hostname)) return undefined
  return (below || (entry.startsWith('*.') ? '.' : '')) + hostname
}

// Returns false for entries with another meaning in the sidecar than in Vite: an asterisk is a wildcard only for
// the sidecar, and `.` would allow every name that ends with a dot. All other entries match the same names in the
// sidecar as in Vite.
function canMatch(entry: string): boolean {
  return !entry.includes(ANY) && entry !== '.'
}

const ORIGIN_SYNTAX =
  "write an origin as browsers send it ('https://app.example:3000', 'chrome-extension://abcdef', 'file://'), with * for the part that changes ('vscode-webview://*', 'https://*.example.com')"
const ORIGIN =
  /^(?:\*|(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<host>\[[0-9a-f:.]+\]|\*|(?:\*\.)?[^\s/?#@\\,*:[\]|<>^%]+)?(?<port>:(?:\*|[0-9]{1,5}))?\/?)$/i

/** Whether the sidecar accepts this entry of `allowedOrigins`. The sidecar's allow_list.py defines the same syntax. */
export function isOriginEntry(text: string): boolean {
  const { scheme, host, port } = ORIGIN.exec(text)?.groups ?? {}
  if (text === ANY) return true
  if (scheme === undefined || text.length > 255 || /\p{Cc}/u.test(text)) return false
  return host !== undefined || (port === undefined && !/^https?$/i.test(scheme))
}
