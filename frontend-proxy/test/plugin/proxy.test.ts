import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Plugin } from 'vite'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import {
  ANSWERS_EVERY_UPGRADE,
  type Echo,
  expectNoWait,
  getEcho,
  makeProject,
  type OpenVite,
  openVite,
  refusedUpgrade,
  type SiteContent,
  STARTED,
  siteFileOf,
  standIn,
} from './vite-project.ts'

async function openReadyVite(config = {}): Promise<OpenVite & { siteFile: () => SiteContent }> {
  const project = makeProject()
  const vite = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir }, config)
  await vite.lines.match(STARTED)
  return { ...vite, siteFile: () => siteFileOf(project) }
}

function webSocket(url: string, headers: Record<string, string> = {}): WebSocket {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers })
  onTestFinished(() => socket.terminate())
  return socket
}

async function firstFrame(socket: WebSocket): Promise<Echo> {
  const [data] = await once(socket, 'message')
  return JSON.parse(String(data)) as Echo
}

test('the path, paths below it and a query reach the sidecar', async () => {
  const { url } = await openReadyVite()
  for (const path of ['/ws/signaling', '/ws/signaling/rooms', '/ws/signaling?a=1']) {
    expect((await getEcho(url + path)).url).toBe(path)
  }
})

test('a path that only begins with the same letters is not proxied', async () => {
  const { url } = await openReadyVite()
  const answer = await fetch(`${url}/ws/signaling-of-somebody-else`)
  expect(await answer.text()).toContain('<title>app</title>')
})

test('an upgrade keeps the Host and Origin of the browser, and contains its address', async () => {
  const { url } = await openReadyVite()
  const socket = webSocket(`${url}/ws/signaling`, {
    host: 'evil.example',
    origin: 'http://evil.example',
  })
  const { headers } = await firstFrame(socket)
  expect(headers).toMatchObject({
    host: 'evil.example',
    origin: 'http://evil.example',
    'x-forwarded-for': '127.0.0.1',
  })
})

test("the proof header has the proxy's value, even if a client sends that header", async () => {
  const { url, siteFile } = await openReadyVite()
  const { secret } = siteFile()
  expect(secret).toMatch(/^[\w-]{43}$/)
  const forged = { 'X-Signaling-Proxy': 'forged', expect: '100-continue' }
  const { headers } = await firstFrame(webSocket(`${url}/ws/signaling`, forged))
  expect(headers['x-signaling-proxy']).toBe(secret)
  const { expect: _, ...unexpecting } = forged
  for (const sent of [{}, unexpecting]) {
    const answer = await fetch(`${url}/ws/signaling/rooms`, { headers: sent })
    expect(((await answer.json()) as Echo).headers['x-signaling-proxy']).toBe(secret)
  }
})

test('a forged proof header is also replaced if the user has set a target', async () => {
  const target = await openOtherServer(({ headers }, response) =>
    response.end(String(headers['x-signaling-proxy'])),
  )
  const { url } = await openVite(makeProject(), { sidecar: false, target })
  const answer = await fetch(`${url}/ws/signaling`, { headers: { 'X-Signaling-Proxy': 'forged' } })
  expect(await answer.text()).not.toContain('forged')
})

test('frames are sent in both directions', async () => {
  const { url } = await openReadyVite()
  const socket = webSocket(`${url}/ws/signaling`)
  await firstFrame(socket)
  socket.send('{"type":"ping"}')
  const [data] = await once(socket, 'message')
  expect(String(data)).toBe('{"type":"ping"}')
})

test('another plugin that answers every upgrade does not get those for signaling, but all others', async () => {
  const { url } = await openReadyVite({ plugins: [ANSWERS_EVERY_UPGRADE] })
  const frame = await firstFrame(webSocket(`${url}/ws/signaling`))
  expect(frame.url).toBe('/ws/signaling')
  expect((await refusedUpgrade(`${url}/ws/other`)).status).toBe(418)
})

test("with server.ws: false the WebSockets of Vite's client are refused at once, and no others", async () => {
  const { url } = await openReadyVite({ server: { ws: false }, plugins: [ANSWERS_EVERY_UPGRADE] })
  await expectNoWait(url)
  expect((await firstFrame(webSocket(`${url}/ws/signaling`))).url).toBe('/ws/signaling')
  expect((await refusedUpgrade(`${url}/ws/other`)).status).toBe(418)
  // A WebSocket for /admin/ may belong to another Vite, on the same server or behind a proxy rule.
  const ofAnotherVite = { 'sec-websocket-protocol': 'vite-hmr' }
  expect((await refusedUpgrade(`${url}/admin/?token=t`, ofAnotherVite)).status).toBe(418)
})

test.each([{}, { hmr: false }])("with server %j Vite's client is connected", async (server) => {
  const { server: vite, url } = await openReadyVite({ server })
  const address = `${url.replace('http', 'ws')}/?token=${vite.config.webSocketToken}`
  const socket = new WebSocket(address, 'vite-hmr')
  onTestFinished(() => socket.terminate())
  const [data] = await once(socket, 'message')
  expect(String(data)).toBe('{"type":"connected"}')
})

test('another plugin that answers every request does not get those for signaling and the inspector', async () => {
  const greedy: Plugin = {
    name: 'greedy',
    enforce: 'pre',
    configureServer: ({ middlewares }) => {
      middlewares.use((_request, response) => void response.end('mine'))
    },
  }
  const { url } = await openReadyVite({ plugins: [greedy] })
  expect(await (await fetch(`${url}/other`)).text()).toBe('mine')
  expect((await getEcho(`${url}/ws/signaling/rooms`)).url).toBe('/ws/signaling/rooms')
  expect(await (await fetch(`${url}/__signaling/`)).text()).not.toBe('mine')
})

test.each(['/app/', '/a+b/', 'https://cdn.example/app/'])(
  'under the base %s both the plain and the prefixed path reach the sidecar as the plain one',
  async (base) => {
    const { url } = await openReadyVite({ base })
    const prefix = new URL(base, 'http://x').pathname.slice(0, -1)
    for (const path of ['/ws/signaling', `${prefix}/ws/signaling`]) {
      expect((await getEcho(`${url}${path}/rooms`)).url).toBe('/ws/signaling/rooms')
      expect((await firstFrame(webSocket(`${url}${path}?a=1`))).url).toBe('/ws/signaling?a=1')
    }
  },
)

test('under a relative base the plain path reaches the sidecar', async () => {
  const { url } = await openReadyVite({ base: './' })
  expect((await firstFrame(webSocket(`${url}/ws/signaling`))).url).toBe('/ws/signaling')
})

async function openOtherServer(
  handle: RequestListener = (_request, response) => void response.end('the other server'),
): Promise<string> {
  const other = createServer(handle)
  onTestFinished(() => void other.close())
  await once(other.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(other.address() as AddressInfo).port}`
}

test.each([
  ['/ws/signaling', '/'],
  ['^/ws/signaling(/|$)', '/'],
  ['^\\/ws\\/signaling', '/'],
  ['^\\/my\\-app\\/ws\\/signaling', '/my-app/'],
])(
  "a user's rule %s for the path below %s is used, and no sidecar is started",
  async (rule, base) => {
    const target = await openOtherServer()
    const project = makeProject()
    const { url, lines } = await openVite(
      project,
      { stateDir: project.stateDir },
      { base, server: { proxy: { [rule]: target } } },
    )
    expect(await (await fetch(`${url}${base}ws/signaling`)).text()).toBe('the other server')
    expect(lines.all).toContainEqual(expect.stringContaining('no sidecar is started'))
  },
)

test.each(['/ws/signaling-legacy', '^/ws/signaling\\-legacy'])(
  "a user's rule %s for a path that only begins with the same letters leaves signaling as it is",
  async (rule) => {
    const target = await openOtherServer()
    const { url } = await openReadyVite({ server: { proxy: { [rule]: target } } })
    expect((await getEcho(`${url}/ws/signaling`)).url).toBe('/ws/signaling')
    expect(await (await fetch(`${url}/ws/signaling-legacy`)).text()).toBe('the other server')
  },
)

test("a user's more general rule still gets all other paths", async () => {
  const target = await openOtherServer()
  const { url } = await openReadyVite({ server: { proxy: { '/ws': { target, ws: true } } } })
  expect((await getEcho(`${url}/ws/signaling`)).url).toBe('/ws/signaling')
  expect(await (await fetch(`${url}/ws/chat`)).text()).toBe('the other server')
})

test('while no sidecar answers, requests and upgrades get a 503, and one line is printed', async () => {
  // No program listens on port 9 (discard), and it is never assigned as a free port.
  const { url, lines } = await openVite(makeProject(), {
    sidecar: false,
    target: 'http://127.0.0.1:9',
  })
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const answer = await fetch(`${url}/ws/signaling/rooms`)
    expect(answer.status).toBe(503)
    expect(await answer.text()).toContain('is not running')
    const refused = await refusedUpgrade(`${url}/ws/signaling`)
    expect(refused.status).toBe(503)
    expect(refused.text).toContain('is not running')
  }
  expect(lines.all.filter((line) => line.includes('127.0.0.1:9'))).toHaveLength(1)
  expect(lines.all.join('\n')).not.toMatch(/proxy error|^\s+at /m)
})

async function openStartingVite(): Promise<OpenVite & { listen: () => void }> {
  const project = makeProject()
  const sidecar = standIn({ waits: true })
  const vite = await openVite(project, { sidecar, stateDir: project.stateDir })
  const [, pid] = /stand-in (\d+) waits/.exec(await vite.lines.match(/stand-in \d+ waits/)) ?? []
  return { ...vite, listen: () => process.kill(Number(pid), 'SIGUSR2') }
}

test('requests and upgrades wait while the sidecar starts', async () => {
  const { url, lines, listen } = await openStartingVite()
  const gone = connect(Number(new URL(url).port), '127.0.0.1')
  gone.write('GET /ws/signaling HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  const upgraded = firstFrame(webSocket(`${url}/ws/signaling`))
  const answered = getEcho(`${url}/ws/signaling/rooms`)
  expect((await fetch(url)).status).toBe(200)
  gone.resetAndDestroy()
  listen()
  expect((await upgraded).url).toBe('/ws/signaling')
  expect((await answered).url).toBe('/ws/signaling/rooms')
  expect(lines.all.join('\n')).not.toMatch(/proxy error|socket error|^\s+at /m)
})

test('an upgrade that has waited for 4 s is answered with 503', async () => {
  const { url } = await openStartingVite()
  expect((await refusedUpgrade(`${url}/ws/signaling`)).status).toBe(503)
})

test('a killed sidecar closes open sockets without a stack trace, and the restarted one is used', async () => {
  const { url, lines } = await openReadyVite()
  const socket = webSocket(`${url}/ws/signaling`)
  const { pid } = await firstFrame(socket)
  const received: string[] = []
  socket.on('message', (data) => received.push(String(data)))
  const closed = once(socket, 'close')
  process.kill(pid, 'SIGKILL')
  expect((await closed)[0]).toBe(1006)
  expect(received).toEqual([])
  await lines.match(STARTED, 2)
  expect((await getEcho(`${url}/ws/signaling`)).pid).not.toBe(pid)
  expect(lines.all.join('\n')).not.toMatch(/proxy error|^\s+at /m)
})

test('a browser that closes the connection before it has read a refusal causes no stack trace', async () => {
  let written: () => void
  const isWritten = new Promise<void>((resolve) => {
    written = resolve
  })
  const target = await openOtherServer((_request, response) => {
    response.writeHead(403)
    let left = 100
    const timer = setInterval(() => {
      response.write('refused '.repeat(1000))
      left -= 1
      if (left > 0 && !response.destroyed) return
      clearInterval(timer)
      response.end()
      written()
    }, 2)
  })
  const { url, lines } = await openVite(makeProject(), { sidecar: false, target })
  const browser = connect(Number(new URL(url).port), '127.0.0.1')
  const headers = 'Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  browser.write(`GET /ws/signaling HTTP/1.1\r\n${headers}\r\n`)
  await once(browser, 'data')
  browser.resetAndDestroy()
  await isWritten
  expect((await fetch(url)).status).toBe(200)
  expect(lines.all.join('\n')).not.toMatch(/socket error|^\s+at |no sidecar answers/m)
})

test('no form of a URL returns a file of the state folder, and .env is still refused', async () => {
  const project = makeProject()
  const vite = await openVite(project, { sidecar: standIn(), stateDir: project.stateDir })
  await vite.lines.match(STARTED)
  const file = `${project.stateDir}/runtime.json`
  const forms = [file, `/@fs${file}`, '/../state/runtime.json', '/%2e%2e/state/runtime.json']
  for (const form of forms) {
    for (const query of ['', '?raw', '?url', '?import', '?raw??', '?import&raw']) {
      const text = await (await fetch(vite.url + form + query)).text()
      expect(text, form + query).not.toContain('boot-of-')
    }
  }
  expect((await fetch(`${vite.url}/.env`)).status).toBe(403)
})

const PEERJS = /\[signaling\] a page with PeerJS asks for "(.*)"/
const QUERY = '?key=peerjs&id=ann&token=abc&version=1.5.5'

test.each(['/peerjs', '/app/peerjs'])(
  'PeerJS with a wrong path, such as %s, gets one line in the terminal',
  async (path) => {
    const { url, lines } = await openReadyVite()
    webSocket(url + path + QUERY).on('error', () => {})
    await lines.match(PEERJS)
    await fetch(`${url}/peerjs/id?ts=1&version=1.5.5`)
    webSocket(url + path + QUERY).on('error', () => {})
    await getEcho(`${url}/ws/signaling`)
    const told = lines.all.flatMap((line) => PEERJS.exec(line)?.[1] ?? [])
    expect(told).toEqual([path])
  },
)

test('a page with PeerJS that asks Vite for an id gets a line, too', async () => {
  const { url, lines } = await openReadyVite()
  await fetch(`${url}/peerjs/id?ts=1&version=1.5.5`)
  await lines.match(PEERJS)
})

test('only the start of the long path that a page with PeerJS asks for is in the terminal', async () => {
  const { url, lines } = await openReadyVite()
  webSocket(`${url}/${'x'.repeat(5000)}/peerjs${QUERY}`).on('error', () => {})
  expect((await lines.match(PEERJS)).length).toBeLessThan(500)
})

test("if PeerJS reaches the sidecar or the user's own server, and for other pages, no line is printed", async () => {
  const own = createServer((_request, answer) => answer.end('own'))
  await once(own.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void own.close())
  const target = `http://127.0.0.1:${(own.address() as AddressInfo).port}`
  const { url, lines } = await openReadyVite({ server: { proxy: { '/own': target } } })
  expect(await (await fetch(`${url}/own/peerjs/id?ts=1&version=1.5.5`)).text()).toBe('own')
  await firstFrame(webSocket(`${url}/ws/signaling/peerjs${QUERY}`))
  await fetch(`${url}/peerjs`)
  await fetch(`${url}/peerjs/rooms?id=1`)
  expect(lines.all.filter((line) => PEERJS.test(line))).toEqual([])
})
