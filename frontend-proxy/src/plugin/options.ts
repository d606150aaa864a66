/** Details of the sidecar that the plugin starts. All are optional: `{}` is `'auto'`, also in CI. */
export interface SidecarOptions {
  /**
   * The program, or the program and the words before `serve`: `['python', '-m',
   * 'signaling_sidecar']`. Default: looked up in `$VIRTUAL_ENV`, `.venv`, `PATH`, then `uvx`.
   */
  command?: string | readonly string[]
  /** More flags for `sidecar serve`, after the plugin's own: `['--allow-host', 'dev.test']`. */
  args?: readonly string[]
  /** Added to Vite's own environment: `{ SIDECAR_PAYLOADS: 'summary' }`. */
  env?: Readonly<Record<string, string>>
  /** Where it listens on 127.0.0.1. Default 0: any free port, the proxy follows it. */
  port?: number
}

export interface SignalingOptions {
  /**
   * `'auto'` (default): use the sidecar that this project already runs, else start one that ends
   * with Vite. It starts none in CI (`CI` is set) and under Vitest.
   *
   * An object says how it is started. Who writes one wants a sidecar, so it is started in CI too;
   * under Vitest still not, because Vitest reads vite.config.ts as well.
   *
   * `false`: start and look for nothing, only proxy to `target`.
   */
  sidecar?: 'auto' | false | SidecarOptions
  /** The sidecar's state folder (event log, runtime.json). Never one that Vite serves. */
  stateDir?: string
  /**
   * Origins of other pages that may signal, as browsers send them: `chrome-extension://abcdef`,
   * `https://app.example:3000`, `file://`. `vscode-webview://*` is every page of that scheme,
   * `https://*.example.com` every name below, `http://app.example:*` every port.
   *
   * `*` is every website that is open in a browser here: each can then read and join all rooms.
   *
   * A name under which Vite serves its own pages is let in by Vite's `server.allowedHosts`.
   */
  allowedOrigins?: readonly string[]
  /** A Python file of hooks, from Vite's root; saving it swaps them in the running sidecar. */
  hooks?: string
  /**
   * True: every RTCPeerConnection of the page, made by whatever library, is recorded in the event
   * log, with whatever server that library signals. Only in dev, and only pages that Vite serves.
   */
  trace?: boolean
  /**
   * True: phones on the LAN can open the page. Vite listens on the network (unless `server.host`
   * says otherwise), over https with a certificate that names this machine's addresses (unless
   * `server.https` or another plugin brings one), and the terminal shows the URL as a QR code. The
   * sidecar stays on loopback, behind Vite.
   *
   * `{ https: false }`: over http, where browsers give a page neither camera nor microphone.
   */
  lan?: boolean | { readonly https?: boolean }
  /** Only with `sidecar: false`: the sidecar's address. Default `http://127.0.0.1:8765`. */
  target?: string
}

// The default port of `sidecar serve`. 127.0.0.1, not localhost: Node may resolve that to ::1,
// where the sidecar does not listen.
const DEFAULT_TARGET = 'http://127.0.0.1:8765'

/** What the options ask for of the sidecar, with nothing left open. */
export type Plan =
  | { readonly kind: 'proxy-only'; readonly target: string }
  | {
      readonly kind: 'sidecar'
      readonly explicit: boolean
      readonly details: SidecarOptions
      readonly stateDir: string | undefined
      readonly hooks: string | undefined
      readonly allowedOrigins: readonly string[]
    }

/** Throws one sentence for a combination that would silently do nothing. */
export function planFrom(options: SignalingOptions): Plan {
  const { sidecar = 'auto', stateDir, hooks, allowedOrigins, target } = options
  if (sidecar === false) {
    const useless = Object.entries({ stateDir, hooks, allowedOrigins }).find(
      ([, value]) => value !== undefined,
    )
    if (useless) throw new Error(`signaling: ${useless[0]} has no use with sidecar: false`)
    return { kind: 'proxy-only', target: target ?? DEFAULT_TARGET }
  }
  if (target !== undefined) throw new Error('signaling: target needs sidecar: false')
  const explicit = sidecar !== 'auto'
  return {
    kind: 'sidecar',
    explicit,
    details: explicit ? sidecar : {},
    stateDir,
    hooks,
    allowedOrigins: allowedOrigins ?? [],
  }
}

/** Why no sidecar may be started here, or undefined. */
export function startRefusal(explicit: boolean, env: NodeJS.ProcessEnv): string | undefined {
  if (env.VITEST) return 'VITEST is set'
  const inCi = env.CI !== undefined && !['', '0', 'false'].includes(env.CI)
  return inCi && !explicit ? 'CI is set (sidecar: {} starts one all the same)' : undefined
}
