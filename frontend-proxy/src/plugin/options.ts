import type { FixedTarget } from './fixed-upstream.ts'
import { checkKinds } from './option-kinds.ts'

/**
 * How the plugin starts the sidecar. All fields are optional. With an object, even `{}`, the plugin starts the
 * sidecar in CI too.
 */
export interface SidecarOptions {
  /**
   * The program, or the program with its first arguments: `['python', '-m', 'signaling_sidecar']`.
   * Default: `signaling-sidecar` in `$VIRTUAL_ENV`, `.venv` or `PATH`, or else `uvx`, which downloads it.
   */
  command?: string | readonly string[] | undefined
  /** More flags for `sidecar serve`, for example `['--allow-host', 'dev.test']`. */
  args?: readonly string[] | undefined
  /** Environment variables, in addition to those of Vite, for example `{ SIDECAR_PAYLOADS: 'summary' }`. */
  env?: Readonly<Record<string, string>> | undefined
  /** The port on 127.0.0.1. Default: 0, which means any free port, to which Vite's proxy then forwards. */
  port?: number | undefined
}

export interface SignalingOptions {
  /**
   * `'auto'` or true (default): use the sidecar that is already running for this project, or start one that
   * ends with Vite. In CI (if the variable `CI` is set) and under Vitest, no sidecar is started.
   *
   * An object with details of how to start the sidecar: works like `'auto'`, but starts the sidecar in CI too.
   * (Under Vitest, which reads vite.config.ts as well, no sidecar is started.)
   *
   * `false`: start no sidecar, and only proxy to `target`.
   */
  sidecar?: 'auto' | boolean | SidecarOptions | undefined
  /** The folder for the event log and runtime.json. The folder must not be inside a folder that Vite serves. */
  stateDir?: string | undefined
  /**
   * Origins of pages that Vite does not serve and that may connect, as browsers send them:
   * `chrome-extension://abcdef`, `https://app.example:3000`, `file://`. `*` stands for the part that changes:
   * `vscode-webview://*` (any page with that scheme), `https://*.example.com` (any subdomain),
   * `http://app.example:*` (any port).
   *
   * `*` alone allows every website that is open in a browser on this machine to read and join all rooms.
   *
   * For pages that Vite serves under another host name, use Vite's `server.allowedHosts` instead.
   */
  allowedOrigins?: string | readonly string[] | undefined
  /**
   * True starts a separate sidecar for tests, in CI and in Vitest's browser mode too. The state folder of this
   * sidecar is temporary, so tests neither see nor change the rooms and the event log of the sidecar that you
   * develop with. Tests find the sidecar with `connectToSidecar()` of `vite-plugin-signaling-sidecar/testing`.
   */
  test?: boolean | undefined
  /** The path, relative to Vite's root, of a Python file with hooks. The sidecar reloads it when it is saved. */
  hooks?: string | undefined
  /**
   * True records every RTCPeerConnection of the page in the event log, whatever library creates it and whatever
   * signaling server that library uses. This option works only in development.
   */
  trace?: boolean | undefined
  /**
   * True shows a badge in a corner of every page, with the number of peers and the worst state of a pair of peers.
   * A click on the badge lists all pairs. This option works only in development.
   */
  overlay?: boolean | undefined
  /**
   * False removes the inspector, which the dev server shows at `/__signaling/` to the person at this
   * machine. Default: true.
   */
  inspector?: boolean | undefined
  /**
   * True lets phones on the LAN open the page. Vite listens on the network, unless `server.host` is set. It uses
   * https with a certificate for this machine's addresses, unless `server.https` is set or another plugin brings a
   * certificate. The terminal shows the URL as a QR code. The sidecar stays on loopback, behind Vite.
   *
   * `{ https: false }` does the same over http. Browsers then do not let the page use camera and microphone.
   */
  lan?: boolean | { readonly https?: boolean | undefined } | undefined
  /**
   * The URL of the sidecar when the option `sidecar` is false. You start that sidecar yourself, or a team
   * shares it (`https://signaling.team.example`). Default: `http://127.0.0.1:8765`.
   */
  target?: string | undefined
  /**
   * The token for the sidecar at `target`, if it asks for one. Vite's proxy sends it for all pages, and
   * no page can read it. Take it from an environment variable, because pages can read vite.config.js.
   */
  token?: string | undefined
}

// 8765 is the default port of `sidecar serve`. `localhost` would be wrong, because Node may resolve it
// to ::1, where the sidecar does not listen.
const DEFAULT_TARGET = 'http://127.0.0.1:8765'

/** The options about the sidecar, checked and with their defaults. */
export type Plan =
  | ({ readonly kind: 'proxy-only' } & FixedTarget)
  | {
      readonly kind: 'sidecar'
      readonly explicit: boolean
      /** Whether the sidecar is for tests only. */
      readonly test: boolean
      readonly details: SidecarOptions
      readonly stateDir: string | undefined
      readonly hooks: string | undefined
      readonly allowedOrigins: readonly string[]
    }

/**
 * Throws an error with one sentence if an option is wrong, or has no effect in combination with the other options.
 */
export function planFrom(options: SignalingOptions): Plan {
  checkKinds(options)
  const { sidecar = 'auto', stateDir, hooks, allowedOrigins, target, token, test = false } = options
  if (options.overlay && options.inspector === false)
    throw new Error('overlay has no effect with inspector: false')
  if (sidecar === false) {
    const unused = Object.entries({
      stateDir,
      hooks,
      allowedOrigins,
      test: test || undefined,
    }).find(([, value]) => value !== undefined)
    if (unused) throw new Error(`${unused[0]} has no effect with sidecar: false`)
    return {
      kind: 'proxy-only',
      target: checkedUrl(target ?? DEFAULT_TARGET),
      token: checkedToken(token),
    }
  }
  const unused = Object.entries({ target, token }).find(([, value]) => value !== undefined)
  if (unused) throw new Error(`${unused[0]} has an effect only with sidecar: false`)
  if (test && stateDir !== undefined) throw new Error('stateDir has no effect with test: true')
  const details = typeof sidecar === 'object' ? sidecar : undefined
  return {
    kind: 'sidecar',
    explicit: details !== undefined,
    test,
    details: details ?? {},
    stateDir,
    hooks,
    allowedOrigins: [allowedOrigins ?? []].flat(),
  }
}

function checkedUrl(target: string): string {
  const url = URL.canParse(target) ? new URL(target) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new Error(`target must be a URL with http or https, but is '${target}'`)
  if (url.username || url.password)
    throw new Error('target must not contain a password; use the option token')
  return target
}

/** The error message is shown in the terminal, so it does not contain the token. */
function checkedToken(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token
  throw new Error('token must not be empty, and must not contain spaces or line breaks')
}

/** Returns the reason why no sidecar may be started, or undefined if it may. */
export function startRefusal(
  { explicit, test }: { readonly explicit: boolean; readonly test: boolean },
  env: NodeJS.ProcessEnv,
): string | undefined {
  if (test) return undefined
  if (env.VITEST) return 'VITEST is set (with test: true the plugin starts one for tests)'
  const inCi = env.CI !== undefined && !['', '0', 'false'].includes(env.CI)
  return inCi && !explicit
    ? 'CI is set (with sidecar: {} or test: true the plugin starts one in CI too)'
    : undefined
}
