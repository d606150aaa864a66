// Behaves like `sidecar serve` for the plugin: it prints the ready line, answers /health, writes
// runtime.json, echoes WebSocket messages, and exits when its stdin is closed. The environment variable
// STAND_IN contains options as JSON.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'

const options = {
  hooks: { type: 'string' },
  reload: { type: 'string' },
  port: { type: 'string' },
  project: { type: 'string' },
  'state-dir': { type: 'string' },
  'allow-host': { type: 'string', multiple: true },
  'exit-on-stdin-eof': { type: 'boolean' },
}
const { values: flags } = parseArgs({ args: process.argv.slice(3), options })
const behaviour = JSON.parse(process.env.STAND_IN ?? '{}')
const { version = '0.1.0', dieAtStart, waits, stateDir = flags['state-dir'] } = behaviour
const boot = `boot-of-${process.pid}`

if (dieAtStart) {
  process.stderr.write('sidecar: the stand-in was told to die\n')
  process.exit(2)
}
const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'application/json')
  if (request.url === '/health') response.end(JSON.stringify({ status: 'ok', version, boot }))
  else
    response.end(JSON.stringify({ pid: process.pid, url: request.url, headers: request.headers }))
})
// Most tests connect no WebSocket, and this import takes as long as the start of Node.js.
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

function announce() {
  const { port } = server.address()
  const { pid } = process
  const url = `http://127.0.0.1:${port}`
  if (stateDir) {
    mkdirSync(stateDir, { recursive: true })
    const runtime = JSON.stringify({ url, pid, boot, version, project: flags.project })
    writeFileSync(`${stateDir}/runtime.json`, runtime)
  }
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
