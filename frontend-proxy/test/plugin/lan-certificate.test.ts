import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { lanCertificate } from '../../src/plugin/lan-certificate.ts'

const NAMES = ['localhost', 'laptop.local', '127.0.0.1', '::1', '192.168.1.20', 'fd12::20']
const DAY_MS = 24 * 60 * 60 * 1000

let folder: string

beforeEach(() => {
  const parent = mkdtempSync(path.join(tmpdir(), 'lan-certificate-'))
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
  folder = path.join(parent, 'not', 'there')
})

test('the certificate contains exactly these hosts and addresses, of both families', async () => {
  const { cert } = await lanCertificate(folder, NAMES)
  const own = new X509Certificate(cert)
  expect(own.checkHost('localhost')).toBe('localhost')
  expect(own.checkHost('laptop.local')).toBe('laptop.local')
  for (const address of ['127.0.0.1', '::1', '192.168.1.20', 'fd12::20']) {
    expect(own.checkIP(address), address).toBe(address)
  }
  expect(own.checkHost('evil.example')).toBeUndefined()
  expect(own.checkIP('192.168.1.21')).toBeUndefined()
})

test('the certificate is valid for a client that trusts the authority', async () => {
  const { key, cert, authority } = await lanCertificate(folder, NAMES)
  const server = createServer({ key, cert }, (socket) => socket.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  const connecting = (ca?: string) =>
    new Promise<TLSSocket>((resolve, reject) => {
      const options = { host: '127.0.0.1', port, ...(ca !== undefined && { ca }) }
      const socket = connect(options, () => resolve(socket)).once('error', reject)
      socket.resume()
    })
  expect((await connecting(authority)).authorized).toBe(true)
  await expect(connecting()).rejects.toThrow(/self-signed certificate in certificate chain/)
})

test('a phone can install the authority, which can sign no other certificate', async () => {
  const { key, cert, authority } = await lanCertificate(folder, NAMES)
  expect(new X509Certificate(authority).ca).toBe(true)
  expect(new X509Certificate(cert).ca).toBe(false)
  expect(new X509Certificate(authority).checkPrivateKey(createPrivateKey(key))).toBe(false)
  const kept = readFileSync(path.join(folder, 'lan-certificate.pem'), 'utf8')
  expect(kept.match(/PRIVATE KEY-----\n/g)).toHaveLength(2) // The first and last line of one key.
  expect(kept).toContain(key)
})

test('the certificate meets the rules of Apple: at most 825 days, SHA-256, for servers', async () => {
  const { cert } = await lanCertificate(folder, NAMES)
  const own = new X509Certificate(cert)
  const days = (Date.parse(own.validTo) - Date.parse(own.validFrom)) / DAY_MS
  expect(days).toBeLessThanOrEqual(398)
  expect(own.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
  // The object identifier of ecdsa-with-SHA256 (RFC 5758 section 3.2).
  expect(own.raw.includes(Buffer.from('06082a8648ce3d040302', 'hex'))).toBe(true)
})

test('a laptop that goes back to an earlier network keeps the certificate that the phone trusts', async () => {
  const at = (...addresses: string[]) => lanCertificate(folder, ['localhost', ...addresses])
  await at('192.168.1.20', 'fd12::20')
  const office = await at('10.0.0.5')
  expect(await at('192.168.1.20')).toEqual(office)
  expect(await at('10.0.0.5')).toEqual(office)
  // IPv6 addresses may change every day, so earlier ones are left out.
  expect(new X509Certificate(office.cert).checkIP('fd12::20')).toBeUndefined()
})

test('the certificate contains only the last of very many addresses', async () => {
  const many = Array.from({ length: 100 }, (_, index) => `10.0.0.${index}`)
  await lanCertificate(folder, many)
  const own = new X509Certificate((await lanCertificate(folder, ['10.0.1.1'])).cert)
  expect(own.checkIP('10.0.1.1')).toBe('10.0.1.1')
  expect(own.subjectAltName?.split(',')).toHaveLength(50)
})

test('the certificate is stored for the user only, and used again', async () => {
  const first = await lanCertificate(folder, NAMES)
  expect(readdirSync(folder)).toEqual(['lan-certificate.pem'])
  expect(statSync(path.join(folder, 'lan-certificate.pem')).mode & 0o777).toBe(0o600)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  expect(await lanCertificate(folder, NAMES)).toEqual(first)
})

test('the certificate stays if an address is gone or an IPv6 address has changed', async () => {
  const first = await lanCertificate(folder, NAMES)
  expect(await lanCertificate(folder, ['localhost', '127.0.0.1', 'fd12::21'])).toEqual(first)
})

test.each(['192.168.1.21', 'other.local'])(
  'for the new name %s a new certificate is created',
  async (name) => {
    const first = await lanCertificate(folder, NAMES)
    const second = await lanCertificate(folder, [...NAMES, name])
    expect(second.cert).not.toBe(first.cert)
    expect(await lanCertificate(folder, [...NAMES, name])).toEqual(second)
  },
)

test('shortly before it expires a new certificate is created', async () => {
  const first = await lanCertificate(folder, NAMES)
  const ends = Date.parse(new X509Certificate(first.cert).validTo)
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  vi.setSystemTime(ends - 3 * DAY_MS)
  expect(await lanCertificate(folder, NAMES)).toEqual(first)
  vi.setSystemTime(ends - DAY_MS)
  expect((await lanCertificate(folder, NAMES)).cert).not.toBe(first.cert)
})

test.each(['', 'nonsense', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'])(
  'a file with the content %j is replaced',
  async (content) => {
    await lanCertificate(folder, NAMES)
    const file = path.join(folder, 'lan-certificate.pem')
    writeFileSync(file, content)
    const { cert } = await lanCertificate(folder, NAMES)
    expect(new X509Certificate(cert).checkHost('laptop.local')).toBe('laptop.local')
    expect(existsSync(file)).toBe(true)
    expect((await lanCertificate(folder, NAMES)).cert).toBe(cert)
  },
)
