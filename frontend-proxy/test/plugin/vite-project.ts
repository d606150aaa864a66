import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  createLogger,
  createServer,
  type InlineConfig,
  type Plugin,
  type PluginOption,
  type PreviewServer,
  type ViteDevServer,
} from 'vite'
import { expect, onTestFinished, vi } from 'vitest'
import { type SignalingOptions, signaling } from '../../src/plugin/index.ts'

export const STAND_IN: string = fileURLToPath(new URL('stand-in-sidecar.mjs', import.meta.url))
const PLUGIN = fileURLToPath(new URL('../../src/plugin/index.ts', import.meta.url))
/**
 * The npm name of the tested version of Vite. The alias in vitest.config.ts does not apply to
 * separate processes, so they use this name.
 */
const VITE_PACKAGE = process.env.VITE_PACKAGE ?? 'vite'
const VITE_PROGRAM = fileURLToPath(
  new URL(`../../node_modules/${VITE_PACKAGE}/bin/vite.js`, import.meta.url),
)

/** The changes to the normal behaviour of the stand-in for the sidecar. */
export interface Behaviour {
  version?: string
  dieAtStart?: boolean
  /** The stand-in listens only after it has received SIGUSR2. */
  waits?: boolean
  stateDir?: string
}

/** Returns the plugin option `sidecar` with which the plugin starts the stand-in. */
export function standIn(behaviour: Behaviour = {}): NonNullable<SignalingOptions['sidecar']> {
  return { command: [process.execPath, STAND_IN], env: { STAND_IN: JSON.stringify(behaviour) } }
}

export interface Project {
  readonly root: string
  readonly stateDir: string
}

/** Creates the folder of a project, and a state folder beside it. */
export function makeProject(): Project {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'signaling-plugin-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  const project = { root: path.join(folder, 'app'), stateDir: path.join(folder, 'state') }
  mkdirSync(project.root)
  mkdirSync(project.stateDir)
  writeFileSync(path.join(project.root, 'package.json'), '{ "type": "module" }')
  writeFileSync(path.join(project.root, 'index.html'), '<title>app</title>')
  writeFileSync(path.join(project.root, '.env'), 'SECRET=1\n')
  return project
}

/** The content of the site.json that the plugin writes. */
export interface SiteContent {
  readonly pid: number
  readonly name: string
  readonly local: readonly string[]
  readonly network: readonly string[]
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  readonly secret: string
  readonly others?: readonly SiteContent[]
}

export function siteFileOf({ stateDir }: Project): SiteContent {
  return JSON.parse(readFileSync(path.join(stateDir, 'site.json'), 'utf8')) as SiteContent
}

/** Collects printed lines, and lets a test wait for one. */
export class Lines {
  readonly all: string[] = []
  readonly #waiting = new Set<() => void>()

  add(line: string): void {
    this.all.push(line)
    for (const look of this.#waiting) look()
  }

  /** Resolves to the `nth` line (counted from 1) that matches the pattern. */
  async match(pattern: RegExp, nth = 1): Promise<string> {
    for (;;) {
      const found = this.all.filter((line) => pattern.test(line))[nth - 1]
      if (found !== undefined) return found
      await new Promise<void>((resolve) => {
        const look = () => {
          this.#waiting.delete(look)
          resolve()
        }
        this.#waiting.add(look)
      })
    }
  }
}

export interface OpenVite {
  readonly server: ViteDevServer
  readonly lines: Lines
  /** The URL at which Vite listens now. After a restart, another server may have taken its port. */
  readonly url: string
}

/**
 * Creates a Vite server with the plugin in this process, which is closed at the end of the test.
 */
export async function makeVite(
  project: Project,
  options: SignalingOptions,
  config: InlineConfig = {},
  plugins?: PluginOption[],
): Promise<Pick<OpenVite, 'server' | 'lines'>> {
  // The plugin starts no sidecar under Vitest, and none in CI if the option `sidecar` is `auto`.
  vi.stubEnv('VITEST', undefined)
  vi.stubEnv('CI', undefined)
  onTestFinished(() => void vi.unstubAllEnvs())
  const lines = new Lines()
  const add = (line: string) => lines.add(line)
  const server = await createServer({
    root: project.root,
    configFile: false,
    customLogger: { ...createLogger(), info: add, warn: add, warnOnce: add, error: add },
    ...config,
    plugins: plugins ?? [signaling(options), ...(config.plugins ?? [])],
    server: { port: 0, host: '127.0.0.1', ...config.server },
  })
  onTestFinished(() => server.close())
  return { server, lines }
}

/** Creates a Vite server as `makeVite` does, and lets it listen. */
export async function openVite(
  project: Project,
  options: SignalingOptions,
  config: InlineConfig = {},
  plugins?: PluginOption[],
): Promise<OpenVite> {
  const { server, lines } = await makeVite(project, options, config, plugins)
  await server.listen()
  return {
    server,
    lines,
    get url() {
      return urlOf(server.httpServer)
    },
  }
}

/** Returns the URL of a server that listens on 127.0.0.1. */
export function urlOf(server: { address(): unknown } | null): string {
  const address = server?.address() as AddressInfo
  return `http://127.0.0.1:${address.port}`
}

/** The stand-in's answer at paths other than /health. */
export interface Echo {
  readonly pid: number
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

export async function getEcho(url: string): Promise<Echo> {
  return (await (await fetch(url)).json()) as Echo
}

/** Sends an upgrade that will be refused, and returns the answer. */
export async function refusedUpgrade(
  url: string,
  more: Readonly<Record<string, string>> = {},
): Promise<{ status: number | undefined; text: string }> {
  const headers = { connection: 'upgrade', upgrade: 'websocket', ...more }
  // An agent would reuse the socket, but Vite's proxy closes the socket, even if the answer has
  // keep-alive.
  const request = get(url, { headers, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const part of response) text += part
  return { status: response.statusCode, text }
}

/**
 * Checks that the server refuses WebSockets with the two subprotocols of Vite's client, and does not
 * leave them unanswered.
 */
export async function expectNoWait(url: string): Promise<void> {
  for (const protocol of ['vite-hmr', 'vite-ping']) {
    const refused = await refusedUpgrade(`${url}/?token=t`, { 'sec-websocket-protocol': protocol })
    expect(refused.status).toBe(404)
  }
}

/** A plugin that answers every upgrade before all other listeners, as Cloudflare's plugin does. */
export const ANSWERS_EVERY_UPGRADE: Plugin = {
  name: 'answers-every-upgrade',
  enforce: 'pre',
  configureServer: ({ httpServer }) => answerEveryUpgrade(httpServer),
  configurePreviewServer: ({ httpServer }) => answerEveryUpgrade(httpServer),
}

function answerEveryUpgrade(server: ViteDevServer['httpServer'] | PreviewServer['httpServer']) {
  server?.on('upgrade', (_request: unknown, socket: Socket) =>
    socket.end("HTTP/1.1 418 I'm a teapot\r\n\r\n"),
  )
}

/** Matches the line that the stand-in prints when it listens. The line contains its arguments. */
export const STARTED: RegExp = /stand-in started with /

export interface RunningVite {
  readonly process: ChildProcess
  readonly lines: Lines
}

/** Returns the source of a vite.config.js that uses our plugin with these options. */
export function configSource(options: SignalingOptions, port = 0): string {
  return `
    import { signaling } from ${JSON.stringify(PLUGIN)}
    export default {
      server: { port: ${port}, host: '127.0.0.1' },
      plugins: [signaling(${JSON.stringify(options)})],
    }`
}

/**
 * Starts `vite` as a separate process with its own process group. If `wrapper` is given, it is the
 * command that runs `vite`.
 *
 * CI is set, because Vite would otherwise exit when its stdin is closed, which would hide the
 * effect of signals.
 */
export function runVite(
  project: Project,
  options: SignalingOptions,
  wrapper: readonly string[] = [],
): RunningVite {
  writeFileSync(path.join(project.root, 'vite.config.js'), configSource(options))
  const { VITEST: _, ...env } = process.env
  const [program = '', ...args] = [...wrapper, process.execPath, VITE_PROGRAM]
  const child = spawn(program, args, {
    cwd: project.root,
    env: { ...env, CI: 'true', NO_COLOR: '1' },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines = new Lines()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split(/\r?\n/)) lines.add(line)
    })
  }
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  })
  return { process: child, lines }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  // An ended orphan stays a zombie until the init process reaps it. In a container, that may take
  // seconds, or never happen. While other threads of the process are still ending, its ports are in use.
  const status = `/proc/${pid}/status`
  return !existsSync(status) || !/^State:\s+Z.*^Threads:\s+1$/ms.test(readFileSync(status, 'utf8'))
}

/**
 * Resolves when the process has ended. Polls, because the process may not be a child of this
 * process.
 */
export async function isGone(pid: number): Promise<void> {
  await vi.waitUntil(() => !isAlive(pid), { timeout: 20_000, interval: 20 })
}
