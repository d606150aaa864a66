import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { isIP, isIPv4 } from 'node:net'
import { hostname } from 'node:os'
import path from 'node:path'

/** PEM texts. */
export interface LanCertificate {
  readonly key: string
  /** What the server shows: its own certificate, then the authority's. */
  readonly cert: string
  /** What a phone can install to trust it. */
  readonly authority: string
}

const FILE_NAME = 'lan-certificate.pem'
const PEM = /-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n?/g
const DAY_MS = 24 * 60 * 60 * 1000
// Apple refuses more than 825 days, and Chrome more than 398 where it checks that.
const LIFETIME_MS = 397 * DAY_MS
// A phone's clock may be behind, and a page may be open for days.
const SLACK_MS = 2 * DAY_MS

// GeneralName's choices, RFC 5280 section 4.2.1.6.
const SAN = { dns: 2, address: 7 } as const

const EXTENSIONS = {
  authority: [
    { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
  ],
  own: [
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
  ],
} as const

/**
 * A certificate for these host names and addresses: the one kept in `folder` as long as it names
 * them and is valid, because a phone that was told to accept it asks again for another one.
 */
export async function lanCertificate(
  folder: string,
  names: readonly string[],
): Promise<LanCertificate> {
  const kept = await keptCertificate(folder)
  if (kept !== undefined && covers(kept, names)) return kept
  const made = await newCertificate(names)
  await keep(folder, made)
  return made
}

async function keptCertificate(folder: string): Promise<LanCertificate | undefined> {
  try {
    const text = await readFile(path.join(folder, FILE_NAME), 'utf8')
    const [key = '', own = '', authority = ''] = text.match(PEM) ?? []
    const isWhole = new X509Certificate(own).checkPrivateKey(createPrivateKey(key))
    return isWhole ? { key, cert: own + authority, authority } : undefined
  } catch {
    // None yet, or not readable as one: a new one takes its place, and a place that cannot be
    // written to says so then.
    return undefined
  }
}

function covers({ cert }: LanCertificate, names: readonly string[]): boolean {
  const own = new X509Certificate(cert)
  if (Date.parse(own.validTo) < Date.now() + SLACK_MS) return false
  // IPv6 addresses are named but not asked for: with privacy extensions they are others each day.
  return names.every((name) =>
    isIP(name) === 0
      ? own.checkHost(name) !== undefined
      : !isIPv4(name) || own.checkIP(name) !== undefined,
  )
}

/**
 * Signed by an authority of its own, because iOS and Android let nobody trust a certificate that is
 * none, and iOS (since 11) no server with one that is. The authority's key is thrown away: who
 * trusts it trusts this one certificate, for ever.
 */
async function newCertificate(names: readonly string[]): Promise<LanCertificate> {
  const { generate } = await import('selfsigned')
  const options = {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + LIFETIME_MS),
  } as const
  const host = hostname().replace(/[^\w.-]/g, '')
  // Another name each time: a phone may still have the one before.
  const subject = `Vite on ${host} ${randomBytes(3).toString('hex')}`
  const authority = await generate([{ name: 'commonName', value: subject }], {
    ...options,
    extensions: [...EXTENSIONS.authority],
  })
  const own = await generate([{ name: 'commonName', value: host || 'localhost' }], {
    ...options,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [...EXTENSIONS.own, alternativeNames(names)],
  })
  return {
    key: own.private,
    cert: `${own.cert}\n${authority.cert}\n`,
    authority: `${authority.cert}\n`,
  }
}

function alternativeNames(names: readonly string[]) {
  const altNames = names.map((name) =>
    isIP(name) === 0 ? { type: SAN.dns, value: name } : { type: SAN.address, ip: name },
  )
  return { name: 'subjectAltName' as const, altNames }
}

/** In one file, renamed into its place: two Vites that start at once never mix theirs. */
async function keep(folder: string, { key, cert }: LanCertificate): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = path.join(folder, FILE_NAME)
  const temporary = `${file}.${process.pid}.new`
  await writeFile(temporary, key + cert, { mode: 0o600 })
  await rename(temporary, file)
}
