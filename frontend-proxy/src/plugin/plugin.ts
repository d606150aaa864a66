import { randomUUID } from 'node:crypto'
import type { Plugin, ResolvedConfig } from 'vite'
import { letInBy, remarksOn } from './allowed-clients.ts'
import { type ConfigPart, Lan } from './lan.ts'
import { joinPages, type Link } from './middleware-mode.ts'
import { LOG_PREFIX, PLUGIN_NAME } from './names.ts'
import { type Plan, planFrom, type SignalingOptions } from './options.ts'
import { importTrace, loadTrace, resolveTrace } from './page-trace.ts'
import { siteOf } from './page-urls.ts'
import { printEndpoint } from './printed-urls.ts'
import { isSignalingRule, SIGNALING_PATH, SignalingProxy, type Upstream } from './proxy-rule.ts'
import { wishFrom } from './sidecar-config.ts'
import { SidecarStay } from './sidecar-lease.ts'
import { keeperOf, type Log } from './sidecar-supervisor.ts'
import { goOn, goOnAfter, WITHOUT_SIGNALING } from './warn-on-error.ts'

const WITHOUT_HTTPS = 'Vite goes on without https'

/**
 * Signaling for Vite's dev server and `vite preview`: proxies `/ws/signaling` to the sidecar, and
 * unless told otherwise starts it with Vite and ends it with Vite. Does nothing in `vite build`.
 *
 * In middleware mode it needs to know the server of the pages: `middlewareMode: { server }`.
 */
export function signaling(options: SignalingOptions = {}): Plugin {
  const plan = planFrom(options)
  // Vitest reads vite.config.js too, and shall not listen on the network.
  const lan = options.lan && !process.env.VITEST ? new Lan(options.lan) : undefined
  // Per config: Vite runs all hooks again at its own restart, and Nuxt makes two Vites of one.
  const links = new WeakMap<ResolvedConfig, Link>()
  const joined = new WeakMap<ResolvedConfig, (() => void) | undefined>()
  let part: ConfigPart = 'server'

  return {
    name: PLUGIN_NAME,
    apply: 'serve',
    config(config, { isPreview }) {
      if (isTooOld(this)) return undefined
      part = isPreview ? 'preview' : 'server'
      return lan?.config(config)
    },
    async configResolved(config) {
      if (isTooOld(this)) {
        logOf(config).warn(
          'signaling is off: the plugin needs Vite 7 or newer, and this is an older one',
        )
        return
      }
      const log = logOf(config)
      await goOnAfter(log, WITHOUT_HTTPS, async () => lan?.configResolved(config, part))
      goOn(log, WITHOUT_SIGNALING, () => {
        links.set(config, linkFrom(plan, config, part, lan?.hosts ?? []))
      })
    },
    configureServer(server) {
      const { config, httpServer } = server
      const link = links.get(config)
      if (link === undefined) return
      goOn(link.log, WITHOUT_SIGNALING, () => {
        printEndpoint(server)
        lan?.configureServer(server, config.server)
        if (httpServer) link.stay?.follow(httpServer, () => siteOf(server, config.server))
        else joined.set(config, joinPages(server, link))
      })
    },
    configurePreviewServer(server) {
      const { config, httpServer } = server
      const link = links.get(config)
      if (link === undefined) return
      goOn(link.log, WITHOUT_SIGNALING, () => {
        printEndpoint(server)
        lan?.configureServer(server, config.preview)
        link.stay?.follow(httpServer, () => siteOf(server, config.preview))
      })
    },
    // Of a server that has not listened, or is not Vite's own, no other event tells the end.
    closeBundle() {
      const config = this.environment.getTopLevelConfig()
      joined.get(config)?.()
      links.get(config)?.stay?.end()
    },
    ...(options.trace === true && {
      resolveId: resolveTrace,
      load: loadTrace,
      transform: importTrace,
    }),
  }
}

/**
 * The Vite that calls says its version since 7.0. What this module would import need not be that
 * one: VitePress 1 brings a Vite 5 of its own.
 */
function isTooOld(context: { meta?: { viteVersion?: string } } | undefined): boolean {
  return context?.meta?.viteVersion === undefined
}

function linkFrom(
  plan: Plan,
  config: ResolvedConfig,
  part: ConfigPart,
  hosts: readonly string[],
): Link {
  const log = logOf(config)
  if (plan.kind === 'proxy-only') {
    const { target } = plan
    const proxy = addProxyRules(config, part, fixedUpstream(target, log))
    return { proxy, stay: undefined, fixedAddress: target, log }
  }
  const keeper = keeperOf(config.root)
  // Also where no sidecar can be wanted: a page is answered then, and told to look into the terminal.
  const proxy = addProxyRules(config, part, keeper)
  const { port } = plan.details
  const fixedAddress = port ? `http://127.0.0.1:${port}` : undefined
  if (proxy || plan.explicit) {
    const wish = goOn(log, WITHOUT_SIGNALING, () => wishFrom(plan, config))
    if (wish === undefined) return { proxy, stay: undefined, fixedAddress, log }
    const { allowedHosts } = config[part]
    for (const remark of remarksOn(allowedHosts, plan.allowedOrigins)) log.warn(remark)
    const letIn = letInBy(allowedHosts, hosts, plan.allowedOrigins)
    return { proxy, stay: new SidecarStay(keeper, wish, letIn, log), fixedAddress, log }
  }
  log.info(`${part}.proxy has its own rule for ${SIGNALING_PATH}: no sidecar is started`)
  return { proxy, stay: undefined, fixedAddress, log }
}

/**
 * Adds ours, unless the user has a rule of his own for signaling; returns them if it did.
 *
 * Ours come first, because Vite takes the first rule that matches and a user's wider `/ws` would
 * win. What the `config` hook returns comes last; and what it assigns stays in an inline config,
 * where Vite's restart finds it again and we would take it for the user's. So the resolved config
 * is changed, which is made anew each time.
 */
function addProxyRules(
  config: ResolvedConfig,
  part: ConfigPart,
  upstream: Upstream,
): SignalingProxy | undefined {
  const { base } = config
  const own = config[part].proxy ?? {}
  if (Object.keys(own).some((key) => isSignalingRule(key, base))) return undefined
  const proxy = new SignalingProxy(upstream)
  config[part].proxy = { ...proxy.rules(base), ...own }
  return proxy
}

function fixedUpstream(target: string, log: Log): Upstream {
  let isKnown = false
  return {
    url: target,
    // Nobody there can know it: it only keeps a client from sending one of its own.
    secret: randomUUID(),
    unreachable() {
      if (!isKnown) log.warn(`nobody answers at ${target}: is the sidecar running?`)
      isKnown = true
    },
    failed: (error) => log.warn(`the proxy to ${target} failed: ${error.message}`),
  }
}

function logOf({ logger }: ResolvedConfig): Log {
  return {
    info: (sentence) => logger.info(`${LOG_PREFIX} ${sentence}`),
    warn: (sentence) => logger.warn(`${LOG_PREFIX} ${sentence}`),
  }
}
