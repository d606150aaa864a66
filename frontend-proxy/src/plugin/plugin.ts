import type { Plugin, PreviewServer, ResolvedConfig, ViteDevServer } from 'vite'
import { DEVTOOLS_DOCK } from './devtools-dock.ts'
import { addInspector } from './inspector-on-vite.ts'
import { type ConfigPart, Lan } from './lan.ts'
import { logOf } from './log.ts'
import { attachToPageServer } from './middleware-mode.ts'
import { PLUGIN_NAME } from './names.ts'
import { type Plan, planFrom, type SignalingOptions } from './options.ts'
import { feedOverlays } from './overlay-feed.ts'
import { pageScriptHooks, tagsOf } from './page-scripts.ts'
import { interceptSignaling, refuserOfViteClient } from './page-server.ts'
import { pageUrlsOf } from './page-urls.ts'
import { warnOfWrongPath } from './peerjs-path.ts'
import { printSignalingUrl } from './printed-urls.ts'
import { type SignalingSetup, setUp } from './signaling-setup.ts'
import { messageOf, WITHOUT_SIGNALING, warnOnError, warnOnRejection } from './warn-on-error.ts'

const IS_TOO_OLD =
  'signaling is off because this Vite is too old; the plugin needs Vite 7 or newer ("npm ls vite" shows whether a framework has brought a Vite of its own)'
const WITHOUT_HTTPS = 'Vite continues without https'
const IS_TWICE =
  'signaling() is twice in the list of plugins, perhaps because a layer or preset of the framework contains it too; only the first one and its options are used'

/** The key of the property of a config that contains the first instance of the plugin. */
const FIRST = Symbol.for(`${PLUGIN_NAME}.first`)

/**
 * Adds signaling to Vite's dev server and to `vite preview`: proxies `/ws/signaling` to the sidecar,
 * and by default starts and ends the sidecar together with Vite. Does nothing in `vite build`.
 *
 * In middleware mode, pass the server that runs Vite as `middlewareMode: { server }`.
 */
export function signaling(options: SignalingOptions = {}): Plugin {
  try {
    return signalingAs(planFrom(options), options)
  } catch (error) {
    return {
      name: PLUGIN_NAME,
      apply: 'serve',
      configResolved: (config) => logOf(config).warn(`${messageOf(error)}; ${WITHOUT_SIGNALING}`),
    }
  }
}

function signalingAs(plan: Plan, options: SignalingOptions): Plugin {
  // Vitest reads vite.config.js too, but must not listen on the network.
  const lan = options.lan && !process.env.VITEST ? new Lan(options.lan) : undefined
  // In the pages of Vitest's browser mode, the badge could hide what a test clicks on.
  const hasOverlay = options.overlay === true && !process.env.VITEST
  // One plugin object can belong to several configs: Vite calls all hooks again when it restarts
  // itself, and Nuxt creates two Vite servers from one config.
  const setups = new WeakMap<ResolvedConfig, SignalingSetup>()
  const detachers = new WeakMap<ResolvedConfig, (() => void) | undefined>()
  let part: ConfigPart = 'server'
  let isBundled = false // Vite's experimental `bundledDev`
  const scripts = [
    // The script `trace` replaces RTCPeerConnection, so it has to run before the app.
    ...(options.trace === true ? [{ name: 'trace', isFirst: true }] : []),
    ...(hasOverlay ? [{ name: 'overlay', isFirst: false }] : []),
  ]

  /**
   * Sets up everything that both the dev server and `vite preview` need. Does nothing if `configResolved` has printed
   * a warning instead of creating a setup.
   */
  function addSignaling(
    server: ViteDevServer | PreviewServer,
    addMore: (setup: SignalingSetup) => void,
  ): void {
    const setup = setups.get(server.config)
    if (setup === undefined) return
    warnOnError(setup.log, WITHOUT_SIGNALING, () => {
      printSignalingUrl(server)
      addMore(setup)
      useProxy(server, setup)
    })
  }

  const plugin: Plugin = {
    name: PLUGIN_NAME,
    apply: 'serve',
    config(config, { isPreview }) {
      if (isTooOld(this)) return undefined
      part = isPreview ? 'preview' : 'server'
      return lan?.config(config)
    },
    async configResolved(config) {
      const log = logOf(config)
      isBundled = config.experimental.bundledDev === true
      if (isTooOld(this)) {
        log.warn(IS_TOO_OLD)
        return
      }
      const earlier = earlierIn(config, scripts)
      if (earlier !== undefined) {
        if (earlier === scripts) removeLast(config, plugin)
        else {
          scripts.length = 0
          lan?.undo(config)
        }
        log.warn(IS_TWICE)
        return
      }
      await warnOnRejection(log, WITHOUT_HTTPS, async () => lan?.configResolved(config, part))
      warnOnError(log, WITHOUT_SIGNALING, () => {
        setups.set(config, setUp(plan, config, part, lan))
      })
    },
    // These hooks run before those of other plugins, because the middleware of Nitro answers every request, and
    // because Cloudflare's plugin replaces the server's config with a copy. `setups` contains only the original.
    configureServer: {
      order: 'pre',
      handler: (server) =>
        addSignaling(server, (setup) => {
          const { config, httpServer } = server
          const inspector = options.inspector === false ? undefined : addInspector(server, setup)
          if (inspector && hasOverlay) feedOverlays(server, inspector, setup.log)
          lan?.configureServer(server, config.server)
          if (httpServer) {
            warnOfWrongPath(httpServer, config.server.proxy, setup.log)
            setup.lease?.follow(httpServer, () => pageUrlsOf(server, config.server))
          } else detachers.set(config, attachToPageServer(server, setup, inspector))
        }),
    },
    configurePreviewServer: {
      order: 'pre',
      handler: (server) =>
        addSignaling(server, ({ lease }) => {
          const { preview } = server.config
          lan?.configureServer(server, preview)
          lease?.follow(server.httpServer, () => pageUrlsOf(server, preview))
        }),
    },
    // If Vite's server has never listened, or Vite is in middleware mode, this is the only hook that Vite calls
    // when it closes.
    closeBundle() {
      const config = this.environment.getTopLevelConfig()
      detachers.get(config)?.()
      const setup = setups.get(config)
      if (setup) warnOnError(setup.log, WITHOUT_SIGNALING, () => setup.lease?.end())
    },
    ...pageScriptHooks(scripts),
    // With `bundledDev`, Vite does not transform its own client, so the scripts are added as tags. These tags are
    // in every page, because in that mode all pages are HTML files.
    transformIndexHtml: { order: 'pre', handler: () => (isBundled ? tagsOf(scripts) : undefined) },
    ...(options.inspector !== false && { devtools: DEVTOOLS_DOCK }),
  }
  return plugin
}

/**
 * Returns the instance of the plugin that has called this function first for this config, or undefined if this is the
 * first call. `own` identifies the caller. The same caller calls twice if one plugin object is twice in the list.
 */
function earlierIn(config: ResolvedConfig, own: object): object | undefined {
  const { [FIRST]: first } = config as { [FIRST]?: object }
  // The property is not enumerable, so that a copy of the config does not have it.
  if (first === undefined) Object.defineProperty(config, FIRST, { value: own })
  return first
}

/** Removes an object that is twice in the list of plugins, so that Vite calls each of its other hooks only once. */
function removeLast({ plugins }: ResolvedConfig, plugin: Plugin): void {
  const list = plugins as Plugin[]
  list.splice(list.lastIndexOf(plugin), 1)
}

/**
 * Proxies requests before other middlewares, and hides the upgrades for signaling from all other listeners,
 * because, for example, the listener of Cloudflare's plugin answers every upgrade.
 */
function useProxy(server: ViteDevServer | PreviewServer, { proxy }: SignalingSetup): void {
  if (proxy === undefined) return
  const { middlewares, httpServer } = server
  middlewares.use((request, response, next) => {
    if (!proxy.handle(request, response)) next()
  })
  if (httpServer === null) return
  const { config } = server
  const isDev = 'ws' in server
  const hasViteSocket = isDev && config.server.ws !== false
  const refuse = refuserOfViteClient(config, isDev ? config.server.proxy : config.preview.proxy)
  interceptSignaling(
    httpServer,
    (request, answer, head) =>
      head !== undefined &&
      (proxy.handle(request, answer, head) || (!hasViteSocket && refuse(request, answer, head))),
  )
}

/**
 * Since 7.0, Vite passes its version to hooks. The plugin does not import the version from `vite`, because the Vite
 * that runs may be another one: VitePress 1 brings its own Vite 5.
 */
function isTooOld(context: { meta?: { viteVersion?: string } } | undefined): boolean {
  return context?.meta?.viteVersion === undefined
}
