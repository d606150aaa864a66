// A stand-in for `sidecar serve` in tests of the plugin: it prints the ready line, answers /health,
// writes runtime.json, echoes WebSocket messages, and exits when its stdin is closed. Below
// /inspector/api/ it requires the token in runtime.json. The environment variable STAND_IN contains
// options as JSON.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'

const options = {
  hooks: { type: 'string' },
  reload: { type: 'string' },
  port: { type: 'string' },
  private: { type: 'string' },
  project: { type: 'string' },
  'state-dir': { type: 'string' },
  'allow-host': { type: 'string', multiple: true },
  'exit-on-stdin-eof': { type: 'boolean' },
}
const { values: flags } = parseArgs({ args: process.argv.slice(3), options })
const behaviour = JSON.parse(process.env.STAND_IN ?? '{}')
const { version = '0.1.0', dieAtStart, waits, stateDir = flags['state-dir'] } = behaviour
const boot = `boot-of-${process.pid}`
let token = `token-of-${process.pid}`

if (dieAtStart) {
  process.stderr.write('sidecar: the stand-in was told to die\n')
  process.exit(2)
}
const server = createServer((request, response) => {
  if (request.url.startsWith('/inspector/api/')) return answerAdmin(request, response)
  response.setHeader('Content-Type', 'application/json')
  if (request.url === '/health') response.end(JSON.stringify({ status: 'ok', version, boot }))
  else
    response.end(JSON.stringify({ pid: process.pid, url: request.url, headers: request.headers }))
})
// `ws` is imported only for the first WebSocket, because the import takes as long as the start of
// Node.js.
server.on('upgrade', async (request, tcp, head) => {
  const { WebSocketServer } = await import('ws')
  new WebSocketServer({ noServer: true }).handleUpgrade(request, tcp, head, (socket) => {
    const { url, headers } = request
    socket.send(JSON.stringify({ pid: process.pid, url, headers }))
    socket.on('message', (data) => socket.send(data.toString()))
  })
})
const listen = () => server.listen(Number(flags.port), '127.0.0.1', announce)
if (waits) {
  process.once('SIGUSR2', listen)
  process.stderr.write(`stand-in ${process.pid} waits for SIGUSR2\n`)
} else listen()

/**
 * Answers as the admin API does. Two paths exist only for tests: one returns a stream, and the other
 * changes the token.
 */
async function answerAdmin(request, response) {
  const { method, url, headers } = request
  if (headers.authorization !== `Bearer ${token}`) {
    response.writeHead(401).end('{"code":"bad-token"}')
  } else if (url === '/inspector/api/stream') {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).write('{"line":1}\n')
    response.once('close', () => process.stderr.write('the page is gone\n'))
  } else {
    if (url === '/inspector/api/reload') {
      token = `${token}-2`
      setTimeout(writeRuntime, 200)
    }
    const { authorization: _, ...others } = headers
    let body = ''
    for await (const part of request) body += part
    response.setHeader('Set-Cookie', 'a=1')
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ pid: process.pid, method, url, body, headers: others }))
  }
}

function writeRuntime() {
  const { pid } = process
  const url = `http://127.0.0.1:${server.address().port}`
  mkdirSync(stateDir, { recursive: true })
  const { project, hooks } = flags
  const runtime = { url, pid, boot, version, project, hooks, admin_token: token }
  writeFileSync(`${stateDir}/runtime.json`, JSON.stringify(runtime))
}

function announce() {
  const { port } = server.address()
  const { pid } = process
  const url = `http://127.0.0.1:${port}`
  if (stateDir) writeRuntime()
  const ready = {
    name: 'signaling-sidecar',
    version,
    url,
    port,
    pid,
    boot,
    state_dir: stateDir ?? '/none',
  }
  process.stdout.write(`${JSON.stringify(ready)}\n`)
  process.stderr.write(`stand-in started with ${process.argv.slice(2).join(' ')}\n`)
}

if (flags['exit-on-stdin-eof']) {
  process.stdin.resume().on('end', () => {
    if (stateDir) rmSync(`${stateDir}/runtime.json`, { force: true })
    process.exit(0)
  })
}
