import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { findRunningSidecar } from '../../src/plugin/running-sidecar.ts'

let folder: string
let healthy: { url: string; pid: number; boot: string; version: string }

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'running-sidecar-'))
  const server = createServer((request, response) => {
    response.end(request.url === '/health' ? '{"status":"ok","boot":"b1"}' : 'not here')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  healthy = { url, pid: process.pid, boot: 'b1', version: '0.1.0' }
  onTestFinished(() => {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
})

function find(runtime: unknown) {
  writeFileSync(path.join(folder, 'runtime.json'), JSON.stringify(runtime))
  return findRunningSidecar([path.join(folder, 'without-one'), folder])
}

test('a sidecar is found if its process exists and it answers with the same boot id', async () => {
  const runtime = { ...healthy, project: '/app' }
  expect(await find(runtime)).toEqual({ ...runtime, stateDir: folder })
})

test('a sidecar with another boot id at the same address is not used', async () => {
  expect(await find({ ...healthy, boot: 'b0' })).toBeUndefined()
})

test('no request is sent if the process does not exist', async () => {
  const { pid } = spawnSync(process.execPath, ['--version'])
  expect(await find({ ...healthy, pid })).toBeUndefined()
})

test('a sidecar that does not answer is not used', async () => {
  expect(await find({ ...healthy, url: 'http://127.0.0.1:9' })).toBeUndefined()
})

test.each([
  null,
  [],
  'text',
  { url: 'file:///etc/passwd' },
  { url: 'http://' },
  { pid: 0 },
  { pid: -1 },
  { pid: '1' },
  { boot: '' },
  { version: 1 },
])('a file with %j is ignored', async (wrong) => {
  const isPart = wrong !== null && typeof wrong === 'object' && !Array.isArray(wrong)
  expect(await find(isPart ? { ...healthy, ...wrong } : wrong)).toBeUndefined()
})

test('an incomplete file is ignored', async () => {
  writeFileSync(path.join(folder, 'runtime.json'), JSON.stringify(healthy).slice(0, 30))
  expect(await findRunningSidecar([folder])).toBeUndefined()
})

describe('a sidecar with its state in another folder', () => {
  const project = '/app'
  let own: string

  beforeEach(() => {
    own = path.join(folder, 'own')
    mkdirSync(own)
  })

  function pointTo(pointer: unknown) {
    writeFileSync(path.join(own, 'state-dir.json'), JSON.stringify(pointer))
    writeFileSync(path.join(folder, 'runtime.json'), JSON.stringify({ ...healthy, project }))
    return findRunningSidecar([own])
  }

  test('is found with state-dir.json in the default state folder of the project', async () => {
    const found = { ...healthy, project, stateDir: folder }
    expect(await pointTo({ state_dir: folder, project })).toEqual(found)
  })

  test('is found even if another sidecar was killed in the default state folder', async () => {
    const { pid } = spawnSync(process.execPath, ['--version'])
    writeFileSync(path.join(own, 'runtime.json'), JSON.stringify({ ...healthy, pid }))
    expect(await pointTo({ state_dir: folder, project })).toMatchObject({ stateDir: folder })
  })

  test.each([
    null,
    'text',
    { state_dir: 5, project },
    { state_dir: '.', project },
    { state_dir: '/gone', project },
  ])('is not found by %j', async (pointer) => {
    expect(await pointTo(pointer)).toBeUndefined()
  })

  test('is ignored if another project uses that folder now', async () => {
    expect(await pointTo({ state_dir: folder, project: '/other' })).toBeUndefined()
  })
})
