import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { ANY } from './allowed-clients.ts'
import type { ConfigPart } from './lan.ts'

/** Returns the host of a request, with its port. */
export function hostOf({ headers }: IncomingMessage): string {
  // HTTP/2 has a pseudo-header instead of Host.
  const authority = headers[':authority']
  return headers.host ?? (typeof authority === 'string' ? authority : '')
}

/** Returns the protocol of a request. */
export function protocolOf({ socket }: IncomingMessage): 'https' | 'http' {
  // In Bun, sockets without TLS have this property too, and its value is false.
  return (socket as Partial<TLSSocket>).encrypted ? 'https' : 'http'
}

/**
 * Returns why a request for this host is refused. Returns undefined if the request is allowed, because
 * nobody else can own the host (localhost, an IP address), or because `allowedHosts` contains it.
 *
 * The check prevents DNS rebinding, in which a website that the developer visits has pointed its own host name at
 * this machine, so that the website's script can read the answers. Vite's own check of the Host is not enough: Vite
 * skips it for upgrades and over https, and in middleware mode it comes after the plugin.
 */
export function hostRefusal(
  host: string,
  allowedHosts: readonly string[],
  part: ConfigPart,
): string | undefined {
  const name = nameIn(host)
  if (name === undefined) return 'a request must have a Host header that is a host name'
  if (isOwn(name) || allowedHosts.some((entry) => matches(name, entry))) return undefined
  return `the host ${JSON.stringify(name)} is not allowed; if it is yours, add it to ${part}.allowedHosts in vite.config.js`
}

function nameIn(host: string): string | undefined {
  const url = `http://${host}`
  // A Host contains no path, query or user name, and a name in DNS has at most 253 characters.
  if (/[/?#@\\\s]/.test(host) || !URL.canParse(url)) return undefined
  const { hostname } = new URL(url)
  return hostname.length <= 253 ? hostname : undefined
}

function isOwn(name: string): boolean {
  return /^(?:.+\.)?localhost$/.test(name) || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0
}

function matches(name: string, entry: string): boolean {
  return entry === ANY || entry === name || (entry.startsWith('.') && `.${name}`.endsWith(entry))
}
