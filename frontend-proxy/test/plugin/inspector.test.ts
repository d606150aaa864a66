import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { ClientRequest, createServer, type IncomingMessage, request } from 'node:http'
import { networkInterfaces } from 'node:os'
import { build, preview } from 'vite'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { DEVTOOLS_DOCK } from '../../src/plugin/devtools-dock.ts'
import { type SignalingOptions, signaling } from '../../src/plugin/index.ts'
import {
  isGone,
  makeProject,
  type OpenVite,
  openVite,
  type Project,
  STARTED,
  standIn,
  urlOf,
} from './vite-project.ts'

async function open(
  options: SignalingOptions = {},
  config: Parameters<typeof openVite>[2] = {},
  project: Project = makeProject(),
): Promise<OpenVite & { project: Project }> {
  const all = { sidecar: standIn(), stateDir: project.stateDir, ...options }
  const vite = await openVite(project, all, config)
  await vite.lines.match(STARTED)
  return { ...vite, project }
}

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

/** Sends a request with exactly these headers. `fetch` would add others. */
async function ask(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body?: string,
): Promise<Answer> {
  const { origin, port } = new URL(url)
  // The path is passed unchanged, because `new URL` would remove `..` from it.
  const path = url.slice(origin.length) || '/'
  const sent = request({ host: '127.0.0.1', port, path, headers, method }).end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const part of response) text += part
  return { status: response.statusCode, headers: response.headers, text }
}

function tokenOf({ stateDir }: Project): string {
  const runtime = JSON.parse(readFileSync(`${stateDir}/runtime.json`, 'utf8'))
  return (runtime as { admin_token: string }).admin_token
}

test('the page and its files come from the sidecar, without the token', async () => {
  const { url } = await open()
  for (const [path, there] of [
    ['/__signaling/', '/inspector/'],
    ['/__signaling/?room=bar', '/inspector/?room=bar'],
    ['/__signaling/app.js', '/inspector/app.js'],
  ]) {
    const echo = JSON.parse((await ask(url + path)).text)
    expect(echo.url).toBe(there)
    expect(echo.headers).not.toHaveProperty('authorization')
  }
})

test('the URL without the last slash leads to the page', async () => {
  const { url } = await open({}, { base: '/app/' })
  const { status, headers } = await ask(`${url}/app/__signaling?room=bar`)
  expect(status).toBe(308)
  expect(new URL(headers.location ?? '', `${url}/app/__signaling`).href).toBe(
    `${url}/app/__signaling/?room=bar`,
  )
})

test.each(['/__signaling', '/app/__signaling'])(
  'with the base /app/ the inspector is also at %s',
  async (folder) => {
    const { url } = await open({}, { base: '/app/' })
    expect(JSON.parse((await ask(`${url}${folder}/api/rooms`)).text).url).toBe(
      '/inspector/api/rooms',
    )
  },
)

test("the sidecar gets the admin's token, and nothing that belongs to the app", async () => {
  const { url, project } = await open()
  const headers = {
    accept: 'application/json',
    authorization: 'Bearer of-the-app',
    'content-type': 'application/json',
    cookie: 'session=1',
    origin: url,
    'x-signaling-proxy': 'guess',
  }
  const {
    status,
    text,
    headers: answered,
  } = await ask(`${url}/__signaling/api/rooms/mesh/bar/close?now=1`, headers, 'POST', '{"a":1}')
  expect(status).toBe(200)
  const echo = JSON.parse(text)
  expect(echo).toMatchObject({
    method: 'POST',
    url: '/inspector/api/rooms/mesh/bar/close?now=1',
    body: '{"a":1}',
  })
  const sent = { accept: 'application/json', 'content-type': 'application/json' }
  expect(echo.headers).toEqual({
    ...sent,
    host: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    connection: 'close',
    'content-length': '7',
  })
  expect(answered).not.toHaveProperty('set-cookie')
  expect(text + JSON.stringify(answered)).not.toContain(tokenOf(project))
})

test('every answer is only for this origin, and is not stored', async () => {
  const { url } = await open()
  for (const path of ['/__signaling/', '/__signaling/api/rooms', '/__signaling/api/../../x']) {
    const { headers } = await ask(url + path, { origin: url })
    expect(headers, path).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': expect.stringContaining('frame-ancestors'),
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    })
    expect(headers).not.toHaveProperty('access-control-allow-origin')
  }
})

test('only pages of this origin can reuse the tab in which they have opened the inspector', async () => {
  const { url } = await open()
  const link = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  for (const [site, policy] of [
    ['same-origin', 'unsafe-none'],
    ['same-site', 'same-origin'],
    ['cross-site', 'same-origin'],
    ['none', 'same-origin'],
  ] as const) {
    const { headers } = await ask(`${url}/__signaling/`, { ...link, 'sec-fetch-site': site })
    expect(headers['cross-origin-opener-policy'], site).toBe(policy)
  }
})

test('a path that leads out of the folder is not forwarded', async () => {
  const { url } = await open()
  for (const path of ['/../health', '/%2e%2e/health', '/api/../../health', '/api/%2E./../x']) {
    const { status, text } = await ask(`${url}/__signaling${path}`)
    expect([status, text], path).toEqual([404, expect.stringContaining('no-such-file')])
  }
  expect((await ask(`${url}/__signaling-of-mine/`)).text).toContain('<title>app</title>')
})

test('a new token, after a reload of the sidecar, is used as soon as runtime.json contains it', async () => {
  const { url, project } = await open()
  const before = tokenOf(project)
  expect((await ask(`${url}/__signaling/api/reload`)).status).toBe(200)
  expect(tokenOf(project)).toBe(before)
  expect((await ask(`${url}/__signaling/api/rooms`)).status).toBe(200)
  expect(tokenOf(project)).not.toBe(before)
})

test('a wrong token in runtime.json is reported, and not as the end of a session', async () => {
  const { url, project } = await open()
  const file = `${project.stateDir}/runtime.json`
  const runtime = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...runtime, admin_token: 'wrong' }))
  const { status, text } = await ask(`${url}/__signaling/api/rooms`)
  expect([status, JSON.parse(text).code]).toEqual([502, 'admin-token-refused'])
  expect(text).not.toContain('wrong')
})

test('a line of a stream arrives at once, and the sidecar notices when the page is gone', async () => {
  const { url, lines } = await open()
  const leaving = new AbortController()
  const { signal } = leaving
  const answer = await fetch(`${url}/__signaling/api/stream`, { signal })
  const { value } = (await answer.body?.getReader().read()) ?? {}
  expect(new TextDecoder().decode(value)).toBe('{"line":1}\n')
  leaving.abort()
  await lines.match(/the page is gone/)
})

test('a stream ends when the sidecar is killed, and the next request reaches the new one', async () => {
  const { url, lines } = await open()
  const { pid } = JSON.parse((await ask(`${url}/__signaling/api/rooms`)).text)
  const answer = await fetch(`${url}/__signaling/api/stream`)
  const reader = answer.body?.getReader()
  await reader?.read()
  process.kill(pid, 'SIGKILL')
  expect((await reader?.read())?.done).toBe(true)
  await lines.match(STARTED, 2)
  expect(JSON.parse((await ask(`${url}/__signaling/api/rooms`)).text).pid).not.toBe(pid)
  expect(lines.all.join('\n')).not.toMatch(/^\s+at |token-of/m)
})

test('a request waits while the sidecar starts', async () => {
  const project = makeProject()
  const options = { sidecar: standIn({ waits: true }), stateDir: project.stateDir }
  const { url, lines } = await openVite(project, options)
  const [, pid] = /stand-in (\d+) waits/.exec(await lines.match(/stand-in \d+ waits/)) ?? []
  const answered = ask(`${url}/__signaling/api/rooms`)
  process.kill(Number(pid), 'SIGUSR2')
  expect((await answered).status).toBe(200)
})

test('without a sidecar the page says why, and loads itself again', async () => {
  const project = makeProject()
  const options = { sidecar: { command: '/none/sidecar' }, stateDir: project.stateDir }
  const { url, lines } = await openVite(project, options)
  await lines.match(/gave up/)
  const page = await ask(`${url}/__signaling/`)
  expect([page.status, page.headers.refresh]).toEqual([503, '2'])
  expect(page.text).toContain('The signaling sidecar is not running: the sidecar could not be')
  expect(page.text).toContain('restart Vite to try again')
  const data = await ask(`${url}/__signaling/api/rooms`)
  expect([data.status, JSON.parse(data.text).code]).toEqual([503, 'sidecar-not-running'])
})

test('a body that is too large is refused', async () => {
  const { url } = await open()
  const text = 'x'.repeat(65 * 1024)
  const { status, text: answer } = await ask(`${url}/__signaling/api/rooms`, {}, 'POST', text)
  expect([status, JSON.parse(answer).code]).toEqual([413, 'too-large'])
})

test('with sidecar: false the inspector works if the sidecar at that address belongs to the project', async () => {
  const { server, project } = await open()
  const { url: target } = JSON.parse(readFileSync(`${project.stateDir}/runtime.json`, 'utf8'))
  vi.stubEnv('SIDECAR_STATE_DIR', project.stateDir)
  const named = String(target).replace('127.0.0.1', 'localhost')
  const { url } = await openVite(makeProject(), { sidecar: false, target: named })
  expect((await ask(`${url}/__signaling/api/rooms`)).status).toBe(200)
  await server.close()
})

test('with sidecar: false and a target of another project, one sentence says what is missing', async () => {
  const target = 'http://127.0.0.1:9'
  const { url } = await openVite(makeProject(), { sidecar: false, target })
  const { status, text } = await ask(`${url}/__signaling/api/rooms`)
  expect(status).toBe(503)
  expect(JSON.parse(text)).toEqual({
    code: 'no-admin-token',
    message: expect.stringMatching(/runtime\.json of the sidecar at http:\/\/127\.0\.0\.1:9/),
  })
})

test("with a proxy rule of the user's own, one sentence says why there is no inspector", async () => {
  const config = { server: { proxy: { '/ws/signaling': 'http://127.0.0.1:9' } } }
  const { url } = await openVite(makeProject(), {}, config)
  const { text } = await ask(`${url}/__signaling/api/rooms`)
  expect(JSON.parse(text).message).toContain('server.proxy has its own rule for /ws/signaling')
})

test('inspector: false removes the inspector', async () => {
  const { url, server, lines } = await open({ inspector: false })
  expect((await ask(`${url}/__signaling/`, { accept: 'text/html' })).text).toContain('<title>app')
  server.printUrls()
  expect(lines.all.join('\n')).not.toContain('Inspector:')
  expect(signaling({ inspector: false })).not.toHaveProperty('devtools')
})

test('where Vite DevTools are installed, the inspector has an entry there', async () => {
  const { server } = await open({}, { base: '/app/' })
  const { devtools } = signaling() as { devtools?: typeof DEVTOOLS_DOCK }
  const register = vi.fn()
  devtools?.setup({ mode: 'build', viteConfig: server.config, docks: { register } })
  expect(register).not.toHaveBeenCalled()
  devtools?.setup({ mode: 'dev', viteConfig: server.config, docks: { register } })
  expect(register).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ type: 'iframe', title: 'Signaling', url: '/app/__signaling/' }),
  )
})

test('vite build and vite preview do not contain the inspector', async () => {
  const project = makeProject()
  const { stateDir, root } = project
  const plugins = [signaling({ sidecar: standIn(), stateDir })]
  const config = { root, configFile: false, logLevel: 'silent', plugins } as const
  const { output } = [await build({ ...config, build: { write: false } })].flat()[0] as {
    output: { fileName: string; code?: string; source?: string | Uint8Array }[]
  }
  const built = output.map((file) => file.code ?? String(file.source)).join('')
  expect(built).toContain('<title>app')
  expect(built).not.toMatch(/signaling/i)
  vi.stubEnv('VITEST', undefined)
  const server = await preview({
    ...config,
    build: { outDir: '.' },
    preview: { port: 0, host: '127.0.0.1' },
  })
  onTestFinished(() => server.close())
  const page = await ask(`${urlOf(server.httpServer)}/__signaling/`, { accept: 'text/html' })
  expect(page.text).toContain('<title>app')
})

// Who may see the inspector. tests/e2e/test_who_may_see_the_inspector.py tests this with real
// browsers and networks.

const PAGE = '/__signaling/'
const DATA = '/__signaling/api/rooms'
const NAVIGATION = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const CROSS = { 'sec-fetch-site': 'cross-site' }

const ANSWERED: [string, string, Record<string, string>][] = [
  ['a program without headers of browsers', DATA, {}],
  ['the page itself', DATA, { 'sec-fetch-site': 'same-origin' }],
  ['another local name', DATA, { host: 'app.localhost:5173' }],
  ['another local name, with its origin', DATA, { host: 'LOCALHOST', origin: 'http://localhost' }],
  ['an IPv6 address', DATA, { host: '[::1]:5173', origin: 'http://[::1]:5173' }],
  ['the address bar', PAGE, { 'sec-fetch-site': 'none', ...NAVIGATION }],
  ['a link on another page', PAGE, { ...CROSS, ...NAVIGATION }],
  [
    'a frame of the own origin',
    PAGE,
    { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'iframe' },
  ],
]

test('the person at this machine is answered', async () => {
  const { url } = await open({}, { server: { allowedHosts: true } })
  for (const [who, path, headers] of ANSWERED) {
    expect((await ask(url + path, headers)).status, who).toBe(200)
  }
})

const REFUSED: [string, string, Record<string, string>, string][] = [
  ['DNS rebinding', DATA, { host: 'evil.example' }, 'not-local'],
  ['DNS rebinding of the page', PAGE, { host: 'evil.example', ...NAVIGATION }, 'not-local'],
  ['a name that begins like a local one', DATA, { host: '127.0.0.1.evil.example' }, 'not-local'],
  ['a name that ends like a local one', DATA, { host: 'evil-localhost' }, 'not-local'],
  ['an address on the network', DATA, { host: '192.168.1.7:5173' }, 'not-local'],
  ['no address', DATA, { host: '0.0.0.0:5173' }, 'not-local'],
  ['ngrok', DATA, { host: 'abc.ngrok.app', 'x-forwarded-for': '1.2.3.4' }, 'not-local'],
  ['a tunnel that rewrites Host', DATA, { 'x-forwarded-for': '1.2.3.4' }, 'forwarded'],
  ['cloudflared', PAGE, { 'cf-connecting-ip': '1.2.3.4' }, 'forwarded'],
  ['a proxy', DATA, { forwarded: 'for=1.2.3.4' }, 'forwarded'],
  ['another kind of proxy', DATA, { via: '1.1 proxy' }, 'forwarded'],
  ['nginx', DATA, { 'x-real-ip': '1.2.3.4' }, 'forwarded'],
  ['another origin', DATA, { origin: 'http://evil.example' }, 'foreign-page'],
  ['another port', DATA, { origin: 'http://127.0.0.1:1' }, 'foreign-page'],
  ['another scheme', DATA, { host: 'localhost:1', origin: 'https://localhost:1' }, 'foreign-page'],
  ['a frame without an origin', DATA, { origin: 'null' }, 'foreign-page'],
  ['no-cors', DATA, CROSS, 'foreign-page'],
  ['no-cors of another port', DATA, { 'sec-fetch-site': 'same-site' }, 'foreign-page'],
  ['a link to the data', DATA, { ...CROSS, ...NAVIGATION }, 'foreign-page'],
  ['the address bar for data', DATA, { 'sec-fetch-site': 'none', ...NAVIGATION }, 'foreign-page'],
  ['a frame', PAGE, { ...CROSS, ...NAVIGATION, 'sec-fetch-dest': 'iframe' }, 'foreign-page'],
  ['a script', PAGE, { ...CROSS, 'sec-fetch-mode': 'no-cors' }, 'foreign-page'],
]

test('the person at this machine is answered in Bun, where sockets without TLS have encrypted: false', async () => {
  const { server, url } = await open()
  server.httpServer?.on('connection', (socket) => Object.assign(socket, { encrypted: false }))
  const { status } = await ask(`${url}/__signaling/start.js`, { origin: url })
  expect(status).toBe(200)
})

test('everybody else is refused, and told where the inspector can be opened', async () => {
  const { url } = await open({}, { server: { allowedHosts: true } })
  for (const [who, path, headers, reason] of REFUSED) {
    const { status, text, headers: answered } = await ask(url + path, headers)
    expect([status, text], who).toEqual([403, expect.stringContaining(`inspector-${reason}`)])
    expect(text, who).toContain(`${url}/__signaling/`)
    expect(answered, who).not.toHaveProperty('access-control-allow-origin')
    if (path === DATA) expect(Object.keys(JSON.parse(text)), who).toEqual(['code', 'message'])
    else expect(answered['content-type'], who).toContain('text/html')
  }
})

const [ownAddress] = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .filter(({ family, internal }) => family === 'IPv4' && !internal)

test.runIf(ownAddress)('if Vite listens only on the LAN, nobody sees the inspector', async () => {
  const host = ownAddress?.address ?? ''
  const { server, lines } = await open({}, { server: { host } })
  const [page] = server.resolvedUrls?.network ?? []
  const answer = await fetch(`${page}__signaling/api/rooms`)
  expect([answer.status, await answer.json()]).toEqual([
    403,
    {
      code: 'inspector-not-local',
      message: expect.stringMatching(`from ${host}; .* let Vite listen on localhost`),
    },
  ])
  server.printUrls()
  expect(lines.all.join('\n')).not.toContain('Inspector:')
})

test('a sidecar that has ended leaves no stream behind', async () => {
  const { url, server } = await open()
  const { pid } = JSON.parse((await ask(`${url}/__signaling/api/rooms`)).text)
  const answer = await fetch(`${url}/__signaling/api/stream`)
  const reader = answer.body?.getReader()
  await reader?.read()
  await server.close()
  await isGone(pid)
  await expect(reader?.read()).rejects.toThrow()
})

test('a request that the sidecar does not answer is given up, and so is a stream that has become silent', async () => {
  const { setTimeout: withTimeout } = ClientRequest.prototype
  // Time passes 300 times as fast.
  vi.spyOn(ClientRequest.prototype, 'setTimeout').mockImplementation(function (
    this: ClientRequest,
    ms,
    act,
  ) {
    return withTimeout.call(this, ms / 300, act)
  })
  const sidecar = createServer((request, response) => {
    if (request.url?.endsWith('/changes')) {
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).write('{}\n')
    }
  })
  onTestFinished(() => {
    vi.restoreAllMocks()
    sidecar.close()
    sidecar.closeAllConnections()
  })
  await once(sidecar.listen(0, '127.0.0.1'), 'listening')
  const { url } = await openVite(makeProject(), {
    sidecar: false,
    target: urlOf(sidecar),
    token: 'of-admin',
  })
  const { status, text } = await ask(`${url}/__signaling/api/why`)
  expect([status, JSON.parse(text)]).toEqual([
    503,
    {
      code: 'sidecar-not-running',
      message: 'the signaling sidecar is not running: it does not answer',
    },
  ])
  expect((await ask(`${url}/__signaling/api/inspector/changes`)).text).toBe('{}\n')
})
