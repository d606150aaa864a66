import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import path from 'node:path'
import type { ServerOptions } from 'vite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { makeProject, makeVite, openVite, refusedUpgrade, urlOf } from './vite-project.ts'

const TOKEN = 'secret-of-the-team'

/** Opens a server that replaces a sidecar on another machine. `asked` contains its requests. */
async function openTeamSidecar(handle: RequestListener = (_, response) => void response.end('[]')) {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    handle(request, response)
  })
  onTestFinished(() => void server.close())
  await once(server.listen(0, '0.0.0.0'), 'listening')
  const { port } = server.address() as AddressInfo
  // The plugin treats 0.0.0.0 as the address of another machine.
  return { server, asked, port, target: `http://0.0.0.0:${port}` }
}

function acceptSockets({ server, asked }: Awaited<ReturnType<typeof openTeamSidecar>>) {
  const accepting = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, tcp, head) => {
    asked.push(request)
    accepting.handleUpgrade(request, tcp, head, (socket: WebSocket) => socket.send('hello'))
  })
}

async function firstFrame(
  url: string,
  headers: Record<string, string> = {},
  protocols: string[] = [],
): Promise<string> {
  const { WebSocket } = await import('ws')
  const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, { headers })
  onTestFinished(() => socket.terminate())
  const [data] = await once(socket, 'message')
  return String(data)
}

test("the proxy sends the team's token for every page that has none of its own", async () => {
  const team = await openTeamSidecar()
  acceptSockets(team)
  const { url } = await openVite(makeProject(), {
    sidecar: false,
    target: team.target,
    token: TOKEN,
  })
  await fetch(`${url}/ws/signaling/rooms`)
  await fetch(`${url}/ws/signaling/rooms`, { headers: { authorization: 'Bearer own' } })
  expect(await firstFrame(`${url}/ws/signaling`)).toBe('hello')
  await firstFrame(`${url}/ws/signaling/mesh`, {}, ['chat', 'bearer.own'])
  const sent = team.asked.map(({ headers }) => headers.authorization)
  expect(sent).toEqual([`Bearer ${TOKEN}`, 'Bearer own', `Bearer ${TOKEN}`, undefined])
})

test('a password of the app is no token, so the proxy sends the token in its place', async () => {
  const team = await openTeamSidecar()
  const options = { sidecar: false, target: team.target, token: TOKEN } as const
  const { url } = await openVite(makeProject(), options)
  await fetch(`${url}/ws/signaling/rooms`, { headers: { authorization: 'Basic YTpi' } })
  expect(team.asked[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`)
})

test('a sidecar on another machine gets its own name as the host, and no cookies of the app', async () => {
  const team = await openTeamSidecar()
  acceptSockets(team)
  const { url } = await openVite(makeProject(), { sidecar: false, target: team.target })
  const headers = { cookie: 'session=of-the-app', origin: 'http://localhost:5173' }
  await once(get(`${url}/ws/signaling/rooms`, { headers }), 'response')
  await firstFrame(`${url}/ws/signaling`, headers)
  for (const { headers: sent } of team.asked) {
    expect(sent.host).toBe(`0.0.0.0:${team.port}`)
    expect(sent.origin).toBe('http://localhost:5173')
    expect(sent.cookie).toBeUndefined()
    expect(sent.authorization).toBeUndefined()
  }
  expect(team.asked).toHaveLength(2)
})

test('a sidecar on this machine gets the host and the cookies as the browser has sent them', async () => {
  const team = await openTeamSidecar()
  const target = `http://localhost:${team.port}`
  const { url } = await openVite(makeProject(), { sidecar: false, target })
  await once(get(`${url}/ws/signaling/rooms`, { headers: { cookie: 'a=1' } }), 'response')
  expect(team.asked[0]?.headers).toMatchObject({ host: new URL(url).host, cookie: 'a=1' })
})

test.each([
  [401, TOKEN, /refused a page \(401\): a sentence; check the plugin's option `token`$/],
  [401, undefined, /\(401\): a sentence; set the plugin's option `token`/],
  [403, TOKEN, /refused a page \(403\): a sentence$/],
  [429, TOKEN, /refused a page \(429\): wait 1 s$/],
])(
  'a refusal (%s) is one line in the terminal, however often a page tries',
  async (status, token, line) => {
    let count = 0
    const { target } = await openTeamSidecar((_, response) => {
      count += 1
      response.statusCode = status
      response.end(status === 429 ? `wait ${count} s\n` : 'a \u001bsentence\n')
    })
    const options = { sidecar: false, target, token } as const
    const { url, lines } = await openVite(makeProject(), options)
    for (let attempts = 1; attempts <= 3; attempts += 1) {
      expect((await refusedUpgrade(`${url}/ws/signaling`)).status).toBe(status)
    }
    expect((await fetch(`${url}/ws/signaling/rooms`)).status).toBe(status)
    expect(lines.all.filter((text) => text.includes('has refused'))).toEqual([
      expect.stringMatching(line),
    ])
  },
)

test.each([200, 404, 502])(
  'a server that answers a WebSocket with %s is one line in the terminal, however often a page tries',
  async (status) => {
    const { target } = await openTeamSidecar((_, response) => {
      response.writeHead(status).end('<!doctype html>')
    })
    const { url, lines } = await openVite(makeProject(), { sidecar: false, target, token: TOKEN })
    for (let attempts = 1; attempts <= 3; attempts += 1) {
      expect((await refusedUpgrade(`${url}/ws/signaling?room=bar`)).status).toBe(status)
    }
    expect(lines.all.filter((line) => line.includes('has answered'))).toEqual([
      expect.stringMatching(
        `${target} has answered a WebSocket for /ws/signaling with ${status}; is a sidecar behind it\\?$`,
      ),
    ])
  },
)

test('different refusals of a sidecar on this machine in turn are one line each', async () => {
  let count = 0
  const { port } = await openTeamSidecar(({ url }, response) => {
    if (url === '/health') return void response.end('{"boot":"b"}')
    count += 1
    response.writeHead(429).end(count % 2 === 1 ? `wait ${count} s` : 'too many pages')
  })
  const project = makeProject()
  const runtime = { url: `http://127.0.0.1:${port}`, pid: process.pid, boot: 'b', version: '0.1.0' }
  writeFileSync(`${project.stateDir}/runtime.json`, JSON.stringify(runtime))
  const { url, lines } = await openVite(project, { stateDir: project.stateDir })
  await lines.match(/using the sidecar that is already running/)
  for (let attempt = 1; attempt <= 6; attempt += 1) await refusedUpgrade(`${url}/ws/signaling`)
  expect(lines.all.filter((line) => line.includes('was refused'))).toEqual([
    expect.stringMatching(/a page was refused \(429\): wait 1 s$/),
    expect.stringMatching(/a page was refused \(429\): too many pages$/),
  ])
})

test('a page that asks for new paths all the time gets only 20 warnings, and one line says that more are hidden', async () => {
  const { target } = await openTeamSidecar((_, response) => void response.writeHead(404).end())
  const { url, lines } = await openVite(makeProject(), { sidecar: false, target, token: TOKEN })
  const before = lines.all.length
  for (let attempt = 1; attempt <= 30; attempt += 1) {
    await refusedUpgrade(`${url}/ws/signaling/flood${attempt}`)
    await refusedUpgrade(`${url}/ws/signaling`, { host: `flood${attempt}.example` })
  }
  const printed = lines.all.slice(before)
  expect(printed).toHaveLength(21)
  expect(printed.filter((line) => /with 404|is not allowed/.test(line))).toHaveLength(20)
  expect(printed.at(-1)).toContain(`more warnings about ${target} are not shown`)
})

test('only the start of a long path is in the terminal', async () => {
  const { target } = await openTeamSidecar((_, response) => void response.writeHead(404).end())
  const { url, lines } = await openVite(makeProject(), { sidecar: false, target })
  await refusedUpgrade(`${url}/ws/signaling/${'a'.repeat(5_000)}`)
  expect((await lines.match(/has answered/)).length).toBeLessThan(500)
})

test('an address that does not exist is one line in the terminal, however often a page tries', async () => {
  const target = 'https://sidecar.invalid'
  const { url, lines } = await openVite(makeProject(), { sidecar: false, target, token: TOKEN })
  for (let attempts = 1; attempts <= 3; attempts += 1) {
    expect((await refusedUpgrade(`${url}/ws/signaling`)).status).toBe(503)
  }
  expect(lines.all.filter((line) => line.includes('sidecar.invalid'))).toEqual([
    expect.stringContaining('the proxy to https://sidecar.invalid failed: getaddrinfo'),
  ])
})

test('a sidecar that is down again, after it was back, is another line in the terminal', async () => {
  const { server, port, target } = await openTeamSidecar()
  const { url, lines } = await openVite(makeProject(), { sidecar: false, target })
  const status = async () => (await fetch(`${url}/ws/signaling/rooms`)).status
  for (const _ of [1, 2]) {
    expect(await status()).toBe(200)
    server.closeAllConnections()
    await once(server.close(), 'close')
    expect([await status(), await status()]).toEqual([503, 503])
    await once(server.listen(port, '0.0.0.0'), 'listening')
  }
  expect(lines.all.filter((line) => line.includes('no sidecar answers'))).toHaveLength(2)
})

test('a connection that is reset does not mean that no sidecar answers', async () => {
  const team = await openTeamSidecar()
  acceptSockets(team)
  const sockets: Socket[] = []
  team.server.on('connection', (socket: Socket) => sockets.push(socket))
  const { url, lines } = await openVite(makeProject(), { sidecar: false, target: team.target })
  const { WebSocket } = await import('ws')
  for (const _ of [1, 2, 3]) {
    const page = new WebSocket(`${url.replace(/^http/, 'ws')}/ws/signaling`)
    await once(page, 'message')
    // A load balancer resets connections, for example.
    sockets.at(-1)?.resetAndDestroy()
    await once(page, 'close')
  }
  expect(lines.all.filter((line) => line.includes('no sidecar answers'))).toEqual([])
})

test('the token is neither in the terminal nor in what a page can load', async () => {
  const { target } = await openTeamSidecar((_, response) => void response.writeHead(401).end('no'))
  const options = { sidecar: false, target, token: TOKEN, overlay: true, trace: true } as const
  const { url, lines, server } = await openVite(makeProject(), options)
  server.printUrls()
  const paths = ['/', '/@vite/client', '/@vite/env', '/@signaling/overlay.js', '/__signaling/']
  for (const path of [...paths, '/__signaling/api/rooms', '/ws/signaling/rooms']) {
    const answer = await fetch(url + path)
    expect(JSON.stringify([...answer.headers]) + (await answer.text()), path).not.toContain(TOKEN)
  }
  expect(lines.all.join('\n')).not.toContain(TOKEN)
})

test('a token without encryption is one warning at the start', async () => {
  const { target } = await openTeamSidecar()
  const { lines } = await openVite(makeProject(), { sidecar: false, target, token: TOKEN })
  expect(lines.all.join('\n')).toContain(`the token is sent to ${target} without encryption`)
})

test('the inspector uses the token if it is one of an admin', async () => {
  const { target, asked } = await openTeamSidecar((_, response) => {
    response.setHeader('Content-Type', 'application/json').end('{"rooms":[]}')
  })
  const { url } = await openVite(makeProject(), { sidecar: false, target, token: TOKEN })
  expect(await (await fetch(`${url}/__signaling/api/rooms`)).json()).toEqual({ rooms: [] })
  expect(asked.map((request) => [request.url, request.headers.authorization])).toEqual([
    ['/inspector/api/rooms', `Bearer ${TOKEN}`],
  ])
})

test('the inspector, like the pages, reaches a sidecar below a path of its server', async () => {
  const { asked, target } = await openTeamSidecar()
  const options = { sidecar: false, target: `${target}/team/`, token: TOKEN } as const
  const { url } = await openVite(makeProject(), options)
  await fetch(`${url}/ws/signaling/rooms`)
  await fetch(`${url}/__signaling/api/rooms`)
  expect(asked.map((request) => request.url)).toEqual([
    '/team/ws/signaling/rooms',
    '/team/inspector/api/rooms',
  ])
})

test('the inspector uses the token although a killed sidecar of this project had the same address', async () => {
  const { port } = await openTeamSidecar(({ url, headers }, response) => {
    const isAllowed = url === '/health' || headers.authorization === `Bearer ${TOKEN}`
    response.writeHead(isAllowed ? 200 : 401).end('{"boot":"new"}')
  })
  const project = makeProject()
  vi.stubEnv('SIDECAR_STATE_DIR', project.stateDir)
  const target = `http://127.0.0.1:${port}`
  const left = { url: target, pid: process.pid, boot: 'old', version: '0.1.0', admin_token: 'old' }
  writeFileSync(path.join(project.stateDir, 'runtime.json'), JSON.stringify(left))
  const { url } = await openVite(project, { sidecar: false, target, token: TOKEN })
  expect((await fetch(`${url}/__signaling/api/rooms`)).status).toBe(200)
})

test('the inspector says what is missing if the token is not one of an admin, or there is none', async () => {
  const { target } = await openTeamSidecar((_, response) => void response.writeHead(401).end())
  for (const [token, code, sentence] of [
    [TOKEN, 'admin-token-refused', /needs a token with the scope admin/],
    [undefined, 'no-admin-token', /set the option token to one with the scope admin/],
  ] as const) {
    const { url } = await openVite(makeProject(), { sidecar: false, target, token })
    expect(await (await fetch(`${url}/__signaling/api/rooms`)).json()).toEqual({
      code,
      message: expect.stringMatching(sentence),
    })
  }
})

test('the inspector does not blame the token if the sidecar refuses the host of its URL', async () => {
  const { target } = await openTeamSidecar((_, response) =>
    response.writeHead(403).end("refused a request with Host '0.0.0.0'"),
  )
  const { url } = await openVite(makeProject(), { sidecar: false, target, token: TOKEN })
  const answer = await fetch(`${url}/__signaling/api/rooms`)
  expect([answer.status, await answer.text()]).toEqual([
    403,
    "refused a request with Host '0.0.0.0'",
  ])
})

/** Opens a server that runs Vite in middleware mode, and proxies to a team's sidecar. */
async function openMiddlewareMode(target: string, config: ServerOptions = {}) {
  const pages = createServer()
  onTestFinished(() => void pages.close())
  const options = { sidecar: false, target, token: TOKEN } as const
  const server = { ...config, middlewareMode: { server: pages } }
  const vite = await makeVite(makeProject(), options, { server })
  pages.on('request', vite.server.middlewares)
  await once(pages.listen(0, '127.0.0.1'), 'listening')
  return { ...vite, url: urlOf(pages) }
}

async function statusUnder(host: string, url: string): Promise<number | undefined> {
  const [answer] = await once(get(url, { headers: { host }, agent: false }), 'response')
  return (answer as IncomingMessage).resume().statusCode
}

test("in middleware mode no website gets the team's rooms by pointing its name at this machine", async () => {
  const { target, asked } = await openTeamSidecar()
  const { url, lines } = await openMiddlewareMode(target)
  for (const path of ['', '/', '/rooms', '/neighbours']) {
    for (const host of ['evil.example:9111', 'localhost.evil.example', 'x@localhost', ':80']) {
      expect(await statusUnder(host, `${url}/ws/signaling${path}`), host + path).toBe(403)
    }
  }
  expect(asked).toEqual([])
  expect(lines.all.filter((line) => line.includes('"evil.example"'))).toEqual([
    '[signaling] a page was refused (403): the host "evil.example" is not allowed; if it is yours, add it to server.allowedHosts in vite.config.js',
  ])
})

test.each([
  ['in middleware mode', openMiddlewareMode],
  [
    'with a server of its own, where Vite does not check upgrades,',
    (target: string) => openVite(makeProject(), { sidecar: false, target, token: TOKEN }),
  ],
])('%s no website gets a WebSocket to the sidecar of a team', async (_, open) => {
  const team = await openTeamSidecar()
  acceptSockets(team)
  const { url } = await open(team.target)
  expect(await refusedUpgrade(`${url}/ws/signaling`, { host: 'evil.example' })).toEqual({
    status: 403,
    text: expect.stringContaining('the host "evil.example" is not allowed'),
  })
  expect(team.asked).toEqual([])
  expect(await firstFrame(`${url}/ws/signaling`, { host: 'localhost:5173' })).toBe('hello')
})

test("pages reach the sidecar of a team under the names that are this machine's own, and those that Vite allows", async () => {
  const { target } = await openTeamSidecar()
  const own = ['localhost:5173', 'app.localhost', '192.168.1.5:5173', '[fe80::1]:5173']
  const named = ['dev.test:5173', 'team.test', 'a.b.team.test', 'host.test', 'origin.test']
  const { url } = await openMiddlewareMode(target, {
    allowedHosts: ['dev.test', '.team.test', '*', '.'],
    host: 'host.test',
    origin: 'http://origin.test:3000',
  })
  for (const host of [...own, ...named])
    expect(await statusUnder(host, `${url}/ws/signaling/rooms`), host).toBe(200)
  for (const host of ['a.dev.test', 'myteam.test', 'evil.example.'])
    expect(await statusUnder(host, `${url}/ws/signaling/rooms`), host).toBe(403)
})

test('with allowedHosts: true every name leads to the sidecar of a team, and one warning explains that', async () => {
  const { target } = await openTeamSidecar()
  const { url, lines } = await openMiddlewareMode(target, { allowedHosts: true })
  expect(await statusUnder('any.example', `${url}/ws/signaling/rooms`)).toBe(200)
  expect(lines.all.filter((line) => line.includes('DNS rebinding'))).toHaveLength(1)
})

test('a sidecar on this machine gets every host, because it checks the host itself', async () => {
  const { port, asked } = await openTeamSidecar()
  const { url } = await openMiddlewareMode(`http://localhost:${port}`)
  expect(await statusUnder('other.example', `${url}/ws/signaling/rooms`)).toBe(200)
  expect(asked[0]?.headers.host).toBe('other.example')
})
