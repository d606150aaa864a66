import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { makeProject, openVite, urlOf } from './vite-project.ts'

test('when the sidecar breaks off, the overlay says that the connection to it was lost', async () => {
  const streams: ServerResponse[] = []
  const sidecar = createServer((_request, response) => {
    response.write('{"rooms":[],"hints":[]}\n')
    streams.push(response)
  })
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
  const updates: unknown[] = []
  const lost = new Promise<void>((resolve) => {
    page.on('message', (message) => {
      const { event, data } = JSON.parse(String(message))
      if (event !== 'signaling:update') return
      updates.push(data)
      if (updates.length === 1) for (const stream of streams) stream.destroy()
      else resolve()
    })
  })
  await once(page, 'open')
  page.send('{"type":"custom","event":"signaling:watch","data":{"isWatching":true}}')
  await lost
  expect(updates).toEqual([
    { inspector: '/__signaling/', rooms: [], hints: [] },
    { reason: 'The connection to the sidecar was lost.' },
  ])
})
