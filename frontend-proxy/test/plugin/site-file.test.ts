import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { SiteFile } from '../../src/plugin/site-file.ts'

test('a file that cannot be written again is not reported each second, and is written when that is possible', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const folder = mkdtempSync(path.join(tmpdir(), 'site-file-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const failed = vi.fn()
  const site = { name: 'app', local: [], network: [], allowedHosts: [], allowedOrigins: [] }
  const file = new SiteFile(failed)
  file.put(folder)
  file.describe(site)
  onTestFinished(() => file.forget(site))
  rmSync(folder, { recursive: true })
  vi.advanceTimersByTime(5000)
  // The supervisor would show each report as the reason why no sidecar runs.
  expect(failed).not.toHaveBeenCalled()
  mkdirSync(folder)
  vi.advanceTimersByTime(1000)
  expect(JSON.parse(readFileSync(path.join(folder, 'site.json'), 'utf8'))).toMatchObject({
    pid: process.pid,
    name: 'app',
  })
})

test('the file contains all Vite servers of one process, the last one first', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'site-file-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const siteOf = (name: string) => ({
    name,
    local: [],
    network: [],
    allowedHosts: [`${name}.test`],
    allowedOrigins: [],
  })
  const [one, two] = [siteOf('one'), siteOf('two')]
  const file = new SiteFile(vi.fn())
  const content = () => JSON.parse(readFileSync(path.join(folder, 'site.json'), 'utf8'))
  file.put(folder)
  file.describe(one)
  file.describe(two)
  expect(content()).toMatchObject({ ...two, others: [one] })
  file.forget(one)
  expect(content()).toMatchObject(two)
  expect(content()).not.toHaveProperty('others')
  file.forget(two)
  expect(content).toThrow('ENOENT')
})
