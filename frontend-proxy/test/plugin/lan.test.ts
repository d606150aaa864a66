import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import basicSsl, { getCertificate } from '@vitejs/plugin-basic-ssl'
import { type InlineConfig, type Plugin, type ResolvedConfig, resolveConfig } from 'vite'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type SignalingOptions, signaling } from '../../src/plugin/index.ts'
import { ownNames } from '../../src/plugin/lan-addresses.ts'
import {
  makeProject,
  type OpenVite,
  openVite,
  type Project,
  STARTED,
  siteFileOf,
  standIn,
} from './vite-project.ts'

let cache: string

beforeEach(() => {
  cache = mkdtempSync(path.join(tmpdir(), 'lan-cache-'))
  vi.stubEnv('XDG_CACHE_HOME', cache)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(cache, { recursive: true, force: true })
  })
})

async function openOnLan(
  lan: NonNullable<SignalingOptions['lan']>,
  config: InlineConfig = {},
  project: Project = makeProject(),
): Promise<OpenVite> {
  const options = { sidecar: standIn(), stateDir: project.stateDir, lan }
  const server = { host: undefined, ...config.server } as NonNullable<InlineConfig['server']>
  const vite = await openVite(project, options, { ...config, server })
  await vite.lines.match(STARTED)
  return vite
}

async function getOverTls(url: string, ca: string): Promise<string> {
  const [response] = (await once(get(url.replace(/^http:/, 'https:'), { ca }), 'response')) as [
    IncomingMessage,
  ]
  let text = ''
  for await (const part of response) text += part
  return text
}

/** Sets a certificate as vite-plugin-mkcert does. */
const setsHttpsInItsConfigHook: Plugin = {
  name: 'sets-https',
  async config() {
    const cert = await getCertificate(path.join(cache, 'other'))
    return { server: { https: { key: cert, cert } } }
  },
}

function certificateOf({ server }: OpenVite): X509Certificate {
  return new X509Certificate(String(server.config.server.https?.cert))
}

test('Vite listens on the network, over https, with a certificate for its addresses', async () => {
  const project = makeProject()
  const vite = await openOnLan(true, {}, project)
  const { network = [], local } = vite.server.resolvedUrls ?? {}
  expect(network.length).toBeGreaterThan(0)
  const certificate = certificateOf(vite)
  for (const url of network) {
    const { protocol, hostname } = new URL(url)
    expect(protocol).toBe('https:')
    expect(certificate.checkIP(hostname)).toBe(hostname)
  }
  expect(local?.[0]).toMatch(/^https:\/\/localhost:/)
  expect(siteFileOf(project).network).toEqual(network)
})

test('signaling works over https at an address on the network', async () => {
  const { server } = await openOnLan(true)
  const [page] = server.resolvedUrls?.network ?? []
  const url = `${page?.replace('https', 'wss')}ws/signaling`
  const socket = new WebSocket(url, { ca: String(server.config.server.https?.cert) })
  onTestFinished(() => socket.terminate())
  await new Promise((resolve, reject) => socket.once('message', resolve).once('error', reject))
})

test('a second project uses the same certificate, so a phone has to accept it only once', async () => {
  const first = certificateOf(await openOnLan(true))
  expect(certificateOf(await openOnLan(true)).fingerprint256).toBe(first.fingerprint256)
})

test("the sidecar accepts pages under the machine's mDNS name", async () => {
  const names = ownNames().filter((name) => name.endsWith('.local'))
  const project = makeProject()
  await openOnLan(true, {}, project)
  expect(siteFileOf(project).allowedHosts).toEqual(expect.arrayContaining(names))
})

test('with https: false Vite uses http', async () => {
  const { server } = await openOnLan({ https: false })
  expect(server.resolvedUrls?.network[0]).toMatch(/^http:/)
  expect(existsSync(path.join(cache, 'signaling-sidecar'))).toBe(false)
})

/** Resolves a Vite config with these options and plugins, and returns its `server`. */
async function resolved(
  server: InlineConfig['server'],
  plugins: Plugin[] = [signaling({ lan: true })],
): Promise<ResolvedConfig['server']> {
  vi.stubEnv('VITEST', undefined)
  const { root } = makeProject()
  const inline = { root, configFile: false as const, plugins, ...(server && { server }) }
  return (await resolveConfig(inline, 'serve')).server
}

test("the user's server.host and server.https are kept", async () => {
  const server = { host: '127.0.0.1', https: { key: 'a key', cert: 'a certificate' } }
  expect(await resolved(server)).toMatchObject(server)
})

test.each(['before', 'after'])('a plugin %s ours keeps its certificate', async (place) => {
  vi.stubEnv('VITEST', undefined)
  const ours = signaling({ lan: true })
  for (const other of [basicSsl(), setsHttpsInItsConfigHook]) {
    const { host, https } = await resolved({}, place === 'before' ? [other, ours] : [ours, other])
    expect(host).toBe(true)
    expect(new X509Certificate(String(https?.cert)).subject).toContain('CN=example.org')
  }
})

test('for a certificate of another plugin nothing is printed, and no authority is served', async () => {
  const { lines, server, url } = await openOnLan(true, { plugins: [basicSsl()] })
  server.printUrls()
  expect(lines.all.join('\n')).toContain('Phone')
  expect(lines.all.join('\n')).not.toContain('certificate')
  const ca = String(server.config.server.https?.cert)
  expect(await getOverTls(`${url}/@signaling/authority.crt`, ca)).not.toContain('BEGIN CERTIFICATE')
})

test('Vitest, which reads the config too, does not listen on the network', async () => {
  const { root } = makeProject()
  const config = { root, configFile: false as const, plugins: [signaling({ lan: true })] }
  expect(process.env.VITEST).toBeDefined()
  const { server } = await resolveConfig(config, 'serve')
  expect(server.host).toBeUndefined()
  expect(server.https).toBeUndefined()
})

test('a cache folder that Vite serves is refused because it would contain the private key, and Vite continues', async () => {
  const project = makeProject()
  vi.stubEnv('XDG_CACHE_HOME', path.join(project.root, 'cache'))
  mkdirSync(path.join(project.root, 'cache'))
  const { lines, server, url } = await openOnLan(true, {}, project)
  expect(lines.all).toContainEqual(
    expect.stringMatching(/private key's folder .* is inside .*; Vite continues without https$/),
  )
  expect(server.config.server.https).toBeUndefined()
  expect((await fetch(`${url}/ws/signaling`)).status).toBe(200)
})

test('a cache folder that cannot be written is reported with the variable to set, and Vite continues', async () => {
  writeFileSync(path.join(cache, 'signaling-sidecar'), 'a file')
  const { lines, url } = await openOnLan(true)
  expect(lines.all).toContainEqual(
    expect.stringMatching(
      /(EEXIST|ENOTDIR).*; set XDG_CACHE_HOME to a folder that can be written; Vite continues without https$/,
    ),
  )
  expect((await fetch(`${url}/ws/signaling`)).status).toBe(200)
})

test('a phone can fetch the authority, and nobody can fetch the private key', async () => {
  const { server, url } = await openOnLan(true, { base: '/app/' })
  const ca = String(server.config.server.https?.cert)
  const authority = await getOverTls(`${url}/app/@signaling/authority.crt`, ca)
  expect(new X509Certificate(authority).ca).toBe(true)
  expect(ca).toContain(authority)
  expect(authority).not.toContain('PRIVATE')
  const file = path.join(cache, 'signaling-sidecar', 'lan-certificate.pem')
  for (const form of [`/app/@fs${file}`, `/@fs${file}`, `/app/@fs${file}?raw`]) {
    expect(await getOverTls(url + form, ca), form).not.toContain('PRIVATE')
  }
})

test('the URL for phones is printed below the endpoint', async () => {
  const vite = await openOnLan({ https: false })
  vite.server.printUrls()
  expect(vite.lines.all.at(-1)).toBe(`  ➜  Phone:   ${vite.server.resolvedUrls?.network[0]}`)
})

test('Vite does not listen on the network because of a second instance of the plugin', async () => {
  vi.stubEnv('VITEST', undefined)
  const second = signaling({ lan: true })
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const server = { host: undefined } as unknown as NonNullable<InlineConfig['server']>
  const { server: vite, lines } = await openVite(project, options, { plugins: [second], server })
  await lines.match(STARTED)
  expect(lines.all).toContainEqual(expect.stringMatching(/is twice/))
  expect(vite.resolvedUrls?.network).toEqual([])
  expect(vite.config.preview.host).toBe(false)
})
