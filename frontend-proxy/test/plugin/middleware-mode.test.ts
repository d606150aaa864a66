import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { SignalingOptions } from '../../src/plugin/index.ts'
import {
  type Echo,
  expectNoWait,
  getEcho,
  isGone,
  makeProject,
  makeVite,
  type OpenVite,
  type Project,
  STARTED,
  siteFileOf,
  standIn,
  urlOf,
} from './vite-project.ts'

/**
 * The HTTP server of an app, which passes requests to Vite's middlewares as in Vite's guide to SSR.
 */
interface PageServer {
  readonly server: Server
  serve(listener: RequestListener): void
  listen(): Promise<string>
}

function makePageServer(): PageServer {
  let serve: RequestListener = () => {}
  const server = createServer((request, response) => serve(request, response))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    server,
    serve: (listener) => {
      serve = listener
    },
    listen: async () => {
      await once(server.listen(0, '127.0.0.1'), 'listening')
      return urlOf(server)
    },
  }
}

type Middleware = (server: Server) => Parameters<typeof makeVite>[2]

const onServer: Middleware = (server) => ({ server: { middlewareMode: { server } } })
const besideHmr: Middleware = (server) => ({ server: { middlewareMode: true, hmr: { server } } })
/** In this config, requests do not show which server has received them, as in other runtimes than Node.js. */
const WITHOUT_SERVER: ReturnType<Middleware> = {
  server: { middlewareMode: true },
  plugins: [
    {
      name: 'hides-the-server',
      enforce: 'pre',
      configureServer: {
        order: 'pre',
        handler: ({ middlewares }) =>
          void middlewares.use(({ socket }, _response, next) => {
            Object.assign(socket, { server: undefined })
            next()
          }),
      },
    },
  ],
}
const KNOWN = [
  ['middlewareMode: { server }', onServer],
  ['hmr: { server }', besideHmr],
] as const

async function open(
  config: Middleware,
  project: Project = makeProject(),
  more: SignalingOptions = {},
): Promise<OpenVite & { pages: Server; project: Project }> {
  const pages = makePageServer()
  const options = { sidecar: standIn(), stateDir: project.stateDir, ...more }
  const vite = await makeVite(project, options, config(pages.server))
  pages.serve(vite.server.middlewares)
  return { ...vite, url: await pages.listen(), pages: pages.server, project }
}

function connect(url: string): WebSocket {
  const socket = new WebSocket(url.replace(/^http/, 'ws'))
  onTestFinished(() => socket.terminate())
  return socket
}

async function echoOver(url: string): Promise<Echo> {
  const [data] = await once(connect(url), 'message')
  return JSON.parse(String(data)) as Echo
}

test.each(KNOWN)('with %s signaling works on that server', async (_name, config) => {
  const { lines, url } = await open(config)
  await lines.match(STARTED)
  expect(await lines.match(/ws:/)).toBe(
    `[signaling] ${url.replace('http:', 'ws:').replace('127.0.0.1', 'localhost')}/ws/signaling`,
  )
  expect((await echoOver(`${url}/ws/signaling?a=1`)).url).toBe('/ws/signaling?a=1')
  expect((await getEcho(`${url}/ws/signaling/rooms`)).url).toBe('/ws/signaling/rooms')
  expect(await (await fetch(`${url}/`)).text()).toContain('<title>app</title>')
})

test('with test: true signaling works on a server that a test of Vitest starts', async () => {
  const underVitest = { name: 'vitest', config: () => void vi.stubEnv('VITEST', 'true') }
  const config: Middleware = (server) => ({ ...onServer(server), plugins: [underVitest] })
  const { lines, url } = await open(config, makeProject(), { test: true, stateDir: undefined })
  await lines.match(STARTED)
  expect((await echoOver(`${url}/ws/signaling`)).url).toBe('/ws/signaling')
})

test('signaling works on a server that answers every other upgrade and request itself', async () => {
  const { lines, url, pages } = await open(onServer)
  await lines.match(STARTED)
  pages.prependListener('upgrade', (_request, socket) => socket.end('HTTP/1.1 404 Nothing\r\n\r\n'))
  pages.prependListener('request', (_request, response) => response.writeHead(404).end())
  expect((await echoOver(`${url}/ws/signaling`)).url).toBe('/ws/signaling')
  expect((await getEcho(`${url}/ws/signaling`)).url).toBe('/ws/signaling')
  expect((await fetch(url)).status).toBe(404)
  await expect(echoOver(`${url}/ws/other`)).rejects.toThrow('404')
})

test.each(KNOWN)(
  "with %s and server.ws: false pages connect, and Vite's client is refused",
  async (_name, config) => {
    const { server, lines, url, pages } = await open((pages) => {
      const { server } = config(pages) ?? {}
      return { server: { ...server, ws: false } }
    })
    await lines.match(STARTED)
    await expectNoWait(url)
    expect((await echoOver(`${url}/ws/signaling`)).url).toBe('/ws/signaling')
    pages.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 418 Mine\r\n\r\n'))
    await expect(echoOver(`${url}/ws/other`)).rejects.toThrow('418')
    await server.restart()
    expect((await echoOver(`${url}/ws/signaling`)).url).toBe('/ws/signaling')
  },
)

test('where only the plugin listens for WebSockets, it refuses those that are for nobody', async () => {
  const { lines, url } = await open((server) => ({
    server: { middlewareMode: true, hmr: { server }, ws: false },
  }))
  await lines.match(STARTED)
  await expect(echoOver(`${url}/ws/other`)).rejects.toThrow('404')
})

test('two Vites on one server have signaling, also after one of them has closed', async () => {
  const at =
    (base: string): Middleware =>
    (server) => ({ base, ...besideHmr(server) })
  const { lines, url, pages } = await open(at('/one/'))
  await lines.match(STARTED)
  const { pid } = await echoOver(`${url}/one/ws/signaling`)
  const { stateDir, root } = makeProject()
  const second = await makeVite(
    { root, stateDir },
    { sidecar: standIn(), stateDir },
    at('/two/')(pages),
  )
  await second.lines.match(STARTED)
  expect((await echoOver(`${url}/one/ws/signaling`)).pid).toBe(pid)
  expect((await echoOver(`${url}/two/ws/signaling`)).pid).not.toBe(pid)
  await second.server.close()
  expect((await echoOver(`${url}/ws/signaling`)).pid).toBe(pid)
})

test.each(KNOWN)(
  'with %s there is one proxy and the same sidecar after a restart of Vite',
  async (_, config) => {
    const { server, lines, url } = await open(config)
    await lines.match(STARTED)
    const { pid } = await echoOver(`${url}/ws/signaling`)
    await server.restart()
    await server.restart()
    const socket = connect(`${url}/ws/signaling`)
    const frames: string[] = []
    socket.on('message', (data) => frames.push(String(data)))
    await once(socket, 'message')
    socket.send('to and fro')
    await once(socket, 'message')
    expect(frames).toEqual([expect.stringContaining(`"pid":${pid}`), 'to and fro'])
  },
)

test.each(KNOWN)(
  'with %s a restart of Vite leaves no listener on that server',
  async (_, config) => {
    const { server, lines, pages } = await open((pages) => ({ ...config(pages), base: '/app/' }))
    await lines.match(STARTED)
    const counts = () =>
      ['close', 'upgrade', 'newListener'].map((name) => pages.listenerCount(name))
    const before = counts()
    await server.restart()
    expect(counts()).toEqual(before)
  },
)

test.each(KNOWN)(
  'with %s the inspector is on that server, also after a restart',
  async (_, config) => {
    const { server, lines, url, pages } = await open(config)
    await lines.match(STARTED)
    expect(await lines.match(/inspector:/)).toBe(
      `[signaling] inspector: ${url.replace('127.0.0.1', 'localhost')}/__signaling/`,
    )
    // From now on, the server passes no requests to Vite, as in Nuxt, where Vite gets only requests
    // for modules.
    pages.removeAllListeners('request')
    pages.on('request', (_request, response) => response.end('mine'))
    for (const _ of ['before', 'after']) {
      expect((await getEcho(`${url}/__signaling/api/rooms`)).url).toBe('/inspector/api/rooms')
      const headers = { 'sec-fetch-site': 'cross-site' }
      expect((await fetch(`${url}/__signaling/api/rooms`, { headers })).status).toBe(403)
      expect(await (await fetch(url)).text()).toBe('mine')
      await server.restart()
    }
  },
)

test('if the server cannot be found, Vite itself serves the inspector', async () => {
  const { lines, url } = await open(() => WITHOUT_SERVER)
  await fetch(url)
  await lines.match(STARTED)
  expect((await getEcho(`${url}/__signaling/api/rooms`)).url).toBe('/inspector/api/rooms')
})

test('inspector: false removes the inspector from the server in the config', async () => {
  const { lines, url } = await open(onServer, makeProject(), { inspector: false })
  await lines.match(STARTED)
  expect(await (await fetch(`${url}/__signaling/`)).text()).toContain('<title>app</title>')
  expect(lines.all.join('\n')).not.toContain('inspector')
})

test.each(KNOWN)('with %s the sidecar ends with that server', async (_name, config) => {
  const { lines, url, pages } = await open(config)
  await lines.match(STARTED)
  const { pid } = await getEcho(`${url}/ws/signaling`)
  pages.close()
  pages.closeAllConnections()
  await isGone(pid)
})

test('when Vite closes, the sidecar ends, and the server gets all its requests again', async () => {
  const { server, lines, url, pages } = await open(onServer)
  await lines.match(STARTED)
  const { pid } = await getEcho(`${url}/ws/signaling`)
  await server.close()
  await isGone(pid)
  pages.removeAllListeners('request')
  pages.on('request', (_request, response) => response.end('mine'))
  expect(await (await fetch(`${url}/ws/signaling`)).text()).toBe('mine')
})

test('a Vite that closes before the server listens starts no sidecar', async () => {
  const project = makeProject()
  const pages = makePageServer()
  const options = { sidecar: standIn(), stateDir: project.stateDir }
  const closed = await makeVite(project, options, onServer(pages.server))
  await closed.server.close()
  const second = makeProject()
  const open = await makeVite(
    second,
    { sidecar: standIn(), stateDir: second.stateDir },
    onServer(pages.server),
  )
  await pages.listen()
  await open.lines.match(STARTED)
  expect(existsSync(path.join(project.stateDir, 'site.json'))).toBe(false)
  expect(closed.lines.all.filter((line) => line.includes('[signaling]'))).toEqual([])
})

test('site.json contains the URLs of the pages', async () => {
  const { lines, url, project } = await open(onServer)
  await lines.match(STARTED)
  await vi.waitUntil(() => siteFileOf(project))
  const local = [`${url.replace('127.0.0.1', 'localhost')}/`]
  expect(siteFileOf(project)).toMatchObject({ local, network: [] })
})

test.each([true, false])(
  'without the server in the config, signaling works from the first request on (server.ws: %s)',
  async (hasViteSocket) => {
    const ws = hasViteSocket ? {} : { ws: false as const }
    const config = { server: { middlewareMode: true, ...ws } } as const
    const { server, lines, url } = await open(() => config)
    expect(lines.all.filter((line) => line.includes('[signaling]'))).toEqual([])
    for (let round = 0; round < 2; round++) {
      expect(await (await fetch(url)).text()).toContain('<title>app</title>')
      await lines.match(STARTED)
      expect((await echoOver(`${url}/ws/signaling?a=1`)).url).toBe('/ws/signaling?a=1')
      await expect(echoOver(`${url}/ws/other`)).rejects.toThrow('404')
      await server.restart()
    }
    expect(lines.all.filter((line) => line.includes('middleware mode'))).toEqual([])
  },
)

test('if the server cannot be found, one line at the first request says what to write in the config', async () => {
  const { lines, url } = await open(() => WITHOUT_SERVER)
  expect(lines.all.filter((line) => line.includes('[signaling]'))).toEqual([])
  await fetch(url)
  await fetch(url)
  const advice = await lines.match(/middlewareMode: \{ server \}/)
  expect(advice).toContain('sidecar: { port: 8765 }')
  await lines.match(STARTED)
  expect(lines.all.filter((line) => line.includes('middlewareMode'))).toHaveLength(1)
})

test('the option lan has no effect in middleware mode, and one line says so', async () => {
  const { lines } = await open(onServer, makeProject(), { lan: true })
  await lines.match(/the option lan has no effect because Vite is in middleware mode/)
})

test('the line about middleware mode contains a fixed address, to which the other server can proxy', async () => {
  const { server, lines } = await makeVite(makeProject(), { sidecar: false }, WITHOUT_SERVER)
  const pages = makePageServer()
  pages.serve(server.middlewares)
  await fetch(await pages.listen())
  expect(await lines.match(/middleware mode/)).toContain('to http://127.0.0.1:8765')
})

test('a Vite server without requests prints nothing and starts no sidecar', async () => {
  const options = { sidecar: standIn() }
  const config = { server: { middlewareMode: true } as const }
  const { server, lines } = await makeVite(makeProject(), options, config)
  await server.transformRequest('/index.html?url')
  await server.close()
  expect(lines.all.filter((line) => line.includes('[signaling]'))).toEqual([])
})
