import type { Plugin, ResolvedConfig } from 'vite'
import { DEVTOOLS_DOCK } from './devtools-dock.ts'
import { addInspector } from './inspector-on-vite.ts'
import { type ConfigPart, Lan } from './lan.ts'
import { logOf } from './log.ts'
import { attachToPageServer } from './middleware-mode.ts'
import { PLUGIN_NAME } from './names.ts'
import { planFrom, type SignalingOptions } from './options.ts'
import { feedOverlays } from './overlay-feed.ts'
import { pageScriptHooks } from './page-scripts.ts'
import { interceptSignaling, type PageServer } from './page-server.ts'
import { pageUrlsOf } from './page-urls.ts'
import { warnOfWrongPath } from './peerjs-path.ts'
import { printSignalingUrl } from './printed-urls.ts'
import { type SignalingSetup, setUp } from './signaling-setup.ts'
import { WITHOUT_SIGNALING, warnOnError, warnOnRejection } from './warn-on-error.ts'

type Plugins = ResolvedConfig['plugins']

const WITHOUT_HTTPS = 'Vite continues without https'

/**
 * Adds signaling to Vite's dev server and to `vite preview`: proxies `/ws/signaling` to the sidecar,
 * and by default starts and ends the sidecar together with Vite. Does nothing in `vite build`.
 *
 * In middleware mode, pass the server that runs Vite as `middlewareMode: { server }`.
 */
export function signaling(options: SignalingOptions = {}): Plugin {
  const plan = planFrom(options)
  // Vitest reads vite.config.js too, but must not listen on the network.
  const lan = options.lan && !process.env.VITEST ? new Lan(options.lan) : undefined
  // In the pages of Vitest's browser mode, the badge could hide what a test clicks on.
  const hasOverlay = options.overlay === true && !process.env.VITEST
  // One plugin object can belong to several configs: Vite calls all hooks again when it restarts
  // itself, and Nuxt creates two Vite servers from one config. A config is recognised by its array of
  // plugins, because another plugin may replace the config of the server with a copy, as Cloudflare's
  // does.
  const setups = new WeakMap<Plugins, SignalingSetup | undefined>()
  const detachers = new WeakMap<Plugins, (() => void) | undefined>()
  let part: ConfigPart = 'server'

  /** Returns undefined if signaling is off, which was reported then. */
  function setupOf(config: ResolvedConfig): SignalingSetup | undefined {
    const { plugins } = config
    if (!setups.has(plugins)) {
      logOf(config).warn(
        "signaling is off because another plugin has replaced Vite's config; put signaling() before it",
      )
    }
    return setups.get(plugins)
  }

  return {
    name: PLUGIN_NAME,
    apply: 'serve',
    config(config, { isPreview }) {
      if (isTooOld(this)) return undefined
      part = isPreview ? 'preview' : 'server'
      return lan?.config(config)
    },
    async configResolved(config) {
      const log = logOf(config)
      setups.set(config.plugins, undefined)
      if (isTooOld(this)) {
        log.warn('signaling is off because this Vite is too old; the plugin needs Vite 7 or newer')
        return
      }
      await warnOnRejection(log, WITHOUT_HTTPS, async () => lan?.configResolved(config, part))
      warnOnError(log, WITHOUT_SIGNALING, () => {
        setups.set(config.plugins, setUp(plan, config, part, lan))
      })
    },
    configureServer(server) {
      const { config, httpServer } = server
      const setup = setupOf(config)
      if (setup === undefined) return
      warnOnError(setup.log, WITHOUT_SIGNALING, () => {
        printSignalingUrl(server)
        const inspector = options.inspector === false ? undefined : addInspector(server, setup)
        if (inspector && hasOverlay) feedOverlays(server, inspector, setup.log)
        lan?.configureServer(server, config.server)
        if (httpServer) {
          interceptUpgrades(httpServer, setup)
          warnOfWrongPath(httpServer, config.server.proxy, setup.log)
          setup.lease?.follow(httpServer, () => pageUrlsOf(server, config.server))
        } else detachers.set(config.plugins, attachToPageServer(server, setup, inspector))
      })
    },
    configurePreviewServer(server) {
      const { config, httpServer } = server
      const setup = setupOf(config)
      if (setup === undefined) return
      warnOnError(setup.log, WITHOUT_SIGNALING, () => {
        printSignalingUrl(server)
        lan?.configureServer(server, config.preview)
        interceptUpgrades(httpServer, setup)
        setup.lease?.follow(httpServer, () => pageUrlsOf(server, config.preview))
      })
    },
    // If the server has never listened, or is not Vite's own, only this hook reports its end.
    closeBundle() {
      const { plugins } = this.environment.getTopLevelConfig()
      detachers.get(plugins)?.()
      setups.get(plugins)?.lease?.end()
    },
    ...pageScriptHooks([
      // It replaces RTCPeerConnection, so it has to run before the app.
      ...(options.trace === true ? [{ name: 'trace', isFirst: true }] : []),
      ...(hasOverlay ? [{ name: 'overlay', isFirst: false }] : []),
    ]),
    ...(options.inspector !== false && { devtools: DEVTOOLS_DOCK }),
  }
}

/**
 * Hides the upgrades for signaling from all other listeners of Vite's server, because that of another
 * plugin may answer every upgrade, as that of Cloudflare's plugin does.
 */
function interceptUpgrades(server: PageServer, { proxy }: SignalingSetup): void {
  interceptSignaling(
    server,
    (request, answer, head) => head !== undefined && proxy?.handle(request, answer, head) === true,
  )
}

/**
 * Vite passes its version to hooks since 7.0. The version of the `vite` that this module could import
 * may be another one: VitePress 1 brings its own Vite 5.
 */
function isTooOld(context: { meta?: { viteVersion?: string } } | undefined): boolean {
  return context?.meta?.viteVersion === undefined
}
