import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { isIP, isIPv4 } from 'node:net'
import { hostname } from 'node:os'
import path from 'node:path'
import { replaceFile } from './kept-file.ts'

/** A certificate with its key, as PEM texts. */
export interface LanCertificate {
  readonly key: string
  /** The chain that the server sends: its own certificate, then that of the certificate authority (CA). */
  readonly cert: string
  /** The CA's certificate, which a phone can install to trust the server. */
  readonly authority: string
}

const FILE_NAME = 'lan-certificate.pem'
const PEM = /-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n?/g
const DAY_MS = 24 * 60 * 60 * 1000
// How long a certificate is valid. Apple accepts at most 825 days. Chrome accepts at most 398 days, but does not
// check this in all cases.
const LIFETIME_MS = 397 * DAY_MS
// A certificate that expires within this time is replaced, because a page may stay open for days.
const SLACK_MS = 2 * DAY_MS

// The most names and addresses in a certificate, unless this machine has more now.
const MAX_NAMES = 50

// The kinds of names in a certificate: the tags of GeneralName in RFC 5280, section 4.2.1.6.
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
 * Returns a certificate for these host names and addresses. The certificate in `folder` is reused as long as it
 * contains these names and IPv4 addresses and is valid, because a phone would ask its user again whether to accept
 * a new certificate.
 */
export async function lanCertificate(
  folder: string,
  names: readonly string[],
): Promise<LanCertificate> {
  const stored = await storedCertificate(folder)
  if (stored !== undefined && covers(stored, names)) return stored
  const earlier = stored === undefined ? [] : earlierNames(stored)
  const all = [...new Set([...names, ...earlier])].slice(0, Math.max(MAX_NAMES, names.length))
  const created = await newCertificate(all)
  await store(folder, created)
  return created
}

/**
 * Returns the names and IPv4 addresses in a certificate. Without them, a laptop that is taken from home to the office
 * and back would need another certificate each time, and a phone would ask again each time whether to accept it.
 */
function earlierNames({ cert }: LanCertificate): string[] {
  const found = new X509Certificate(cert).subjectAltName?.matchAll(/(?:DNS|IP Address):([^,\s]+)/g)
  return [...(found ?? [])].flatMap(([, name = '']) => (isIP(name) === 6 ? [] : [name]))
}

async function storedCertificate(folder: string): Promise<LanCertificate | undefined> {
  try {
    const text = await readFile(path.join(folder, FILE_NAME), 'utf8')
    const [key = '', own = '', authority = ''] = text.match(PEM) ?? []
    const isWhole = new X509Certificate(own).checkPrivateKey(createPrivateKey(key))
    return isWhole ? { key, cert: own + authority, authority } : undefined
  } catch {
    // There is no file yet, or it is damaged. If the folder is not writable, `store` will throw.
    return undefined
  }
}

function covers({ cert }: LanCertificate, names: readonly string[]): boolean {
  const own = new X509Certificate(cert)
  if (Date.parse(own.validTo) < Date.now() + SLACK_MS) return false
  // IPv6 addresses are in the certificate but not required, because they may change every day.
  return names.every((name) =>
    isIP(name) === 0
      ? own.checkHost(name) !== undefined
      : !isIPv4(name) || own.checkIP(name) !== undefined,
  )
}

/**
 * Creates a certificate authority (CA), and a server certificate that it signs. On iOS and Android, users can trust
 * only a CA's certificate, and iOS accepts no server that presents a CA's certificate as its own. The key of the CA
 * is not stored, so nobody can sign another certificate with that key.
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
  // Each certificate authority has a different name, because an earlier one may still be installed on a phone.
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

/**
 * Stores the key and the certificates in one file, so that two Vites that start at the same time cannot store the
 * key of one with the certificates of the other.
 */
async function store(folder: string, { key, cert }: LanCertificate): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  replaceFile(path.join(folder, FILE_NAME), key + cert)
}
