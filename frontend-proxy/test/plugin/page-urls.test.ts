import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { makeProject, openVite, runVite, STARTED, siteFileOf, standIn } from './vite-project.ts'

test('site.json contains the URLs of the pages, and only the user can read it', async () => {
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const { server, lines } = await openVite(project, options, { base: '/app/' })
  await lines.match(STARTED)
  const { secret, ...rest } = siteFileOf(project)
  const local = server.resolvedUrls?.local
  expect(local?.[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/app\/$/)
  const letIn = { allowedHosts: ['127.0.0.1'], allowedOrigins: [] }
  expect(rest).toEqual({ pid: process.pid, name: 'app', local, network: [], ...letIn })
  expect(secret).toHaveLength(43)
  expect(statSync(path.join(project.stateDir, 'site.json')).mode & 0o777).toBe(0o600)
  expect(readdirSync(project.stateDir)).not.toContainEqual(expect.stringContaining('.new'))
})

test('site.json contains the name in package.json', async () => {
  const project = makeProject()
  writeFileSync(path.join(project.root, 'package.json'), '{ "name": "my-app", "type": "module" }')
  const { lines } = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  await lines.match(STARTED)
  expect(siteFileOf(project).name).toBe('my-app')
})

test('site.json is updated when Vite restarts, and removed when Vite closes', async () => {
  const project = makeProject()
  const vite = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  await vite.lines.match(STARTED)
  const { secret } = siteFileOf(project)
  await vite.server.restart()
  expect(siteFileOf(project)).toMatchObject({ secret, local: vite.server.resolvedUrls?.local })
  await vite.server.close()
  expect(existsSync(path.join(project.stateDir, 'site.json'))).toBe(false)
})

test('a restarted sidecar finds site.json again', async () => {
  const project = makeProject()
  const vite = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  await vite.lines.match(STARTED)
  rmSync(path.join(project.stateDir, 'site.json'))
  const answer = await fetch(`${vite.url}/ws/signaling`)
  process.kill(((await answer.json()) as { pid: number }).pid, 'SIGKILL')
  await vite.lines.match(STARTED, 2)
  expect(siteFileOf(project).local).toEqual(vite.server.resolvedUrls?.local)
})

test('the site.json of a second Vite server of the project is not removed', async () => {
  const project = makeProject()
  const vite = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  await vite.lines.match(STARTED)
  const second = { ...siteFileOf(project), secret: 'of the second' }
  writeFileSync(path.join(project.stateDir, 'site.json'), JSON.stringify(second))
  await vite.server.close()
  expect(siteFileOf(project).secret).toBe('of the second')
})

test('a Vite server whose part of site.json was overwritten adds it again', async () => {
  const project = makeProject()
  const { lines } = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  await lines.match(STARTED)
  const own = siteFileOf(project)
  const second = { ...own, secret: 'of the second' }
  writeFileSync(path.join(project.stateDir, 'site.json'), JSON.stringify(second))
  await vi.waitUntil(() => siteFileOf(project).others, { timeout: 20_000 })
  expect(siteFileOf(project)).toEqual({ ...second, others: [own] })
})

test('site.json describes a second Vite server of the project too, until the second one is killed', async () => {
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const vite = await openVite(project, options, { server: { allowedHosts: ['app.test'] } })
  await vite.lines.match(STARTED)
  const first = siteFileOf(project)
  const second = runVite(project, options)
  await vi.waitUntil(() => siteFileOf(project).pid === second.process.pid, { timeout: 20_000 })
  expect(siteFileOf(project).others).toEqual([first])
  const gone = once(second.process, 'exit')
  second.process.kill('SIGKILL')
  await gone
  await vi.waitUntil(() => siteFileOf(project).pid === process.pid, { timeout: 20_000 })
  expect(siteFileOf(project)).toEqual(first)
})

test('when one of two Vite servers in a process has closed, site.json describes the other one', async () => {
  const project = makeProject()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const first = await openVite(project, options)
  await first.lines.match(STARTED)
  const second = await openVite(project, options)
  expect(siteFileOf(project).local).toEqual(second.server.resolvedUrls?.local)
  await second.server.close()
  expect(siteFileOf(project).local).toEqual(first.server.resolvedUrls?.local)
})

test('a site.json that was deleted is written again', async () => {
  const project = makeProject()
  const { lines } = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  await lines.match(STARTED)
  const before = siteFileOf(project)
  const file = path.join(project.stateDir, 'site.json')
  rmSync(file)
  await vi.waitUntil(() => existsSync(file), { timeout: 20_000 })
  expect(siteFileOf(project)).toEqual(before)
})

test('a site.json that cannot be written is reported in one warning, and Vite continues', async () => {
  const project = makeProject()
  mkdirSync(path.join(project.stateDir, 'site.json'))
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const { lines, url } = await openVite(project, options)
  await lines.match(/site\.json could not be written: EISDIR/)
  expect((await fetch(url)).status).toBe(200)
})
