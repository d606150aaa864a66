import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { findRunningSidecar } from '../../src/plugin/running-sidecar.ts'
import { Admin } from '../../src/testing/admin.ts'

// A company's proxy cannot reach this machine. With NODE_USE_ENV_PROXY, `fetch` sends all requests to it.

let folder: string
let server: Server

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'direct-request-'))
  server = createServer((request, response) => {
    if (request.url === '/health') response.end('{"status":"ok","boot":"b1"}')
    else if (request.headers.authorization !== 'Bearer t1') response.writeHead(401).end()
    else if (request.method === 'GET') response.end('{"rooms":[]}')
    else request.pipe(response.writeHead(200))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const runtime = { url, pid: process.pid, boot: 'b1', version: '0.1.0', admin_token: 't1' }
  writeFileSync(path.join(folder, 'runtime.json'), JSON.stringify(runtime))
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('the proxy does not answer')))
})

afterEach(() => {
  vi.unstubAllGlobals()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

test('a running sidecar is found and answers if fetch uses a proxy', async () => {
  const running = await findRunningSidecar([folder])
  if (!running) throw new Error('the sidecar was not found')
  const admin = new Admin(running)
  expect(await admin.ask('GET', 'rooms')).toEqual({ rooms: [] })
  expect(await admin.ask('POST', 'kick', { room: 'café' })).toEqual({ room: 'café' })
  server.close()
  server.closeAllConnections()
  await expect(admin.ask('GET', 'rooms')).rejects.toMatchObject({ name: 'SidecarGoneError' })
})
