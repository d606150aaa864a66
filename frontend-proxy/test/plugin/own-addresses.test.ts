// In these tests, the network of this machine has only IPv6, there is no network, or the network changes.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { networkInterfaces } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import type { CommonServerOptions, ViteDevServer } from 'vite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { pageUrlsOf } from '../../src/plugin/page-urls.ts'
import { printPhoneUrl } from '../../src/plugin/printed-urls.ts'
import { makeProject, openVite, STARTED, siteFileOf, standIn } from './vite-project.ts'

vi.mock('node:os', async (original) => {
  const os = await original<typeof import('node:os')>()
  return { ...os, networkInterfaces: vi.fn(os.networkInterfaces) }
})

const entry = (family: 'IPv4' | 'IPv6', address: string, internal = false) => {
  return { family, address, internal, netmask: '', mac: '', cidr: null, scopeid: 0 } as never
}
const LOOPBACK = [entry('IPv4', '127.0.0.1', true), entry('IPv6', '::1', true)]
const WIFI = [entry('IPv6', 'fe80::1'), entry('IPv6', '2001:db8::20')]

/** A Vite server that listens on `host`. Like Vite, it lists only IPv4 addresses in `resolvedUrls`. */
async function listening(
  host: string,
): Promise<{ server: ViteDevServer; port: number; lines: string[] }> {
  const httpServer = createServer().listen(0, host)
  await once(httpServer, 'listening')
  onTestFinished(() => void httpServer.close())
  const { port } = httpServer.address() as { port: number }
  const lines: string[] = []
  const logger = { info: (line: string) => lines.push(line) }
  const resolvedUrls = { local: [`http://localhost:${port}/`], network: [] }
  const config = { root: '/app', base: '/', logger }
  const server = { config, resolvedUrls, httpServer, printUrls: () => {} }
  return { server: server as unknown as ViteDevServer, port, lines }
}

const OPTIONS = { host: true } as CommonServerOptions

test('in a network with only IPv6, the pages have a URL for phones', async () => {
  vi.mocked(networkInterfaces).mockReturnValue({ lo: LOOPBACK, wlan0: WIFI })
  const { server, port, lines } = await listening('::')
  const url = `http://[2001:db8::20]:${port}/`
  expect(pageUrlsOf(server, OPTIONS).network).toEqual([url])
  printPhoneUrl(server, OPTIONS, undefined)
  server.printUrls()
  expect(lines[0]).toContain(url)
})

test('in another network than at the start, the pages have the new URL and the names in the certificate', async () => {
  const { server, port, lines } = await listening('0.0.0.0')
  const named = `http://laptop.test:${port}/`
  server.resolvedUrls?.network.push(`http://192.168.1.5:${port}/`, named)
  vi.mocked(networkInterfaces).mockReturnValue({ lo: LOOPBACK, wlan0: [entry('IPv4', '10.0.0.7')] })
  const url = `http://10.0.0.7:${port}/`
  expect(pageUrlsOf(server, OPTIONS).network).toEqual([url, named])
  printPhoneUrl(server, OPTIONS, undefined)
  server.printUrls()
  expect(lines[0]).toContain(url)
})

test('site.json follows a change of the network', async () => {
  vi.mocked(networkInterfaces).mockReturnValue({ lo: LOOPBACK, wlan0: [entry('IPv4', '10.0.0.7')] })
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const vite = await openVite(project, options, { server: { host: '0.0.0.0' } })
  await vite.lines.match(STARTED)
  const { port } = new URL(vite.url)
  expect(siteFileOf(project).network).toEqual([`http://10.0.0.7:${port}/`])
  vi.mocked(networkInterfaces).mockReturnValue({ lo: LOOPBACK, wlan0: [entry('IPv4', '10.0.0.8')] })
  const network = [`http://10.0.0.8:${port}/`]
  await vi.waitUntil(() => isDeepStrictEqual(siteFileOf(project).network, network), 20_000)
  expect(siteFileOf(project).others).toBeUndefined()
})

test.each([
  ['::', 'this machine is in no network'],
  ['127.0.0.1', 'Vite does not listen on the network'],
])('without a network, a Vite that listens on %s says that %s', async (host, reason) => {
  vi.mocked(networkInterfaces).mockReturnValue({ lo: LOOPBACK })
  const { server, lines } = await listening(host)
  printPhoneUrl(server, OPTIONS, undefined)
  server.printUrls()
  expect(lines[0]).toContain(`none, because ${reason}`)
})
