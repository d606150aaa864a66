import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { makeProject, openVite, urlOf } from './vite-project.ts'

const pausesMs = vi.hoisted(() => [] as (number | undefined)[])

/** The feed does not wait between its requests, so that the tests are fast. */
vi.mock('node:timers/promises', async (original) => ({
  ...(await original<typeof import('node:timers/promises')>()),
  setTimeout: async (ms?: number) => void pausesMs.push(ms),
}))

/** Opens a page that wants updates from the sidecar. `take` gets each update. */
async function openPage(answer: RequestListener, take: (update: unknown) => void): Promise<void> {
  const sidecar = createServer(answer)
  onTestFinished(() => {
    sidecar.close()
    sidecar.closeAllConnections()
  })
  await once(sidecar.listen(0, '127.0.0.1'), 'listening')
  const options = {
    sidecar: false,
    target: urlOf(sidecar),
    token: 'of-admin',
    overlay: true,
  } as const
  const { server, url } = await openVite(makeProject(), options)
  const page = new WebSocket(`${url}/?token=${server.config.webSocketToken}`, 'vite-hmr')
  onTestFinished(() => page.terminate())
  page.on('message', (message) => {
    const { event, data } = JSON.parse(String(message))
    if (event === 'signaling:update') take(data)
  })
  await once(page, 'open')
  page.send('{"type":"custom","event":"signaling:watch","data":{"isWatching":true}}')
}

test('a token that the sidecar has refused is sent again only after a long pause', async () => {
  pausesMs.length = 0
  const updates: unknown[] = []
  await openPage(
    (_request, response) => void response.writeHead(401).end(),
    (update) => updates.push(update),
  )
  await expect.poll(() => updates[0]).toEqual({ reason: expect.stringMatching(/has refused/) })
  await expect.poll(() => pausesMs[0]).toBe(10_000)
})

test('when the sidecar breaks off, the overlay says that the connection to it was lost', async () => {
  const streams: ServerResponse[] = []
  const updates: unknown[] = []
  await openPage(
    (_request, response) => {
      response.write('{"rooms":[],"hints":[]}\n')
      streams.push(response)
    },
    (update) => {
      updates.push(update)
      if (updates.length === 1) for (const stream of streams) stream.destroy()
    },
  )
  await expect
    .poll(() => updates.slice(0, 2))
    .toEqual([
      { inspector: '/__signaling/', rooms: [], hints: [] },
      { reason: 'The connection to the sidecar was lost.' },
    ])
})
