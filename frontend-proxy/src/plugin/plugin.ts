import { randomUUID } from 'node:crypto'
import type { Plugin, ResolvedConfig, ViteDevServer } from 'vite'
import { printEndpoint } from './endpoint-line.ts'
import { LOG_PREFIX, PLUGIN_NAME } from './identity.ts'
import { Lan } from './lan.ts'
import { type LetIn, letInBy, remarksOn } from './let-in.ts'
import { planFrom, type SignalingOptions } from './options.ts'
import { loadTrace, resolveTrace, traceTag } from './page-trace.ts'
import { isSignalingRule, proxyRules, SIGNALING_PATH, type Upstream } from './proxy-rule.ts'
import { keeperOf, type Log, type SidecarKeeper, type Wish } from './sidecar-keeper.ts'
import { siteOf } from './site.ts'
import type { Site } from './site-file.ts'
import { wishFrom } from './wish.ts'

/**
 * Signaling for Vite's dev server: proxies `/ws/signaling` to the sidecar, and unless told
 * otherwise starts it with Vite and ends it with Vite. Does nothing in `vite build` and
 * `vite preview`. In middleware mode there is no server whose life it could follow: run the
 * sidecar yourself there, with `sidecar: false`.
 */
export function signaling(options: SignalingOptions = {}): Plugin {
  const plan = planFrom(options)
  // Vitest reads vite.config.js too, and shall not listen on the network.
  const lan = options.lan && !process.env.VITEST ? new Lan(options.lan) : undefined
  // Set by configResolved; Vite runs all hooks again at its own restart.
  let follow: ((server: ViteDevServer) => void) | undefined

  return {
    name: PLUGIN_NAME,
    apply: (_config, { command, isPreview }) => command === 'serve' && !isPreview,
    config: (config) => lan?.config(config),
    async configResolved(config) {
      await lan?.configResolved(config)
      const log = logOf(config)
      follow = undefined
      if (plan.kind === 'proxy-only') {
        addProxyRules(config, fixedUpstream(plan.target, log))
        return
      }
      const wish = wishFrom(plan, config)
      const keeper = keeperOf(config.root)
      const isOurs = addProxyRules(config, keeper)
      if (isOurs || plan.explicit) {
        for (const remark of remarksOn(config, plan.allowedOrigins)) log.warn(remark)
        const letIn = () => letInBy(config, lan?.hosts ?? [], plan.allowedOrigins)
        follow = (server) => followServer(server, keeper, wish, letIn, log)
      } else log.info(`server.proxy has its own rule for ${SIGNALING_PATH}: no sidecar is started`)
    },
    configureServer(server) {
      printEndpoint(server)
      lan?.configureServer(server)
      follow?.(server)
    },
    ...(options.trace === true && {
      resolveId: resolveTrace,
      load: loadTrace,
      transformIndexHtml: (_html, { server }) => [traceTag(server?.config.base ?? '/')],
    }),
  }
}

/**
 * Adds ours, unless the user has a rule of his own for signaling; returns whether it did.
 *
 * Ours come first, because Vite takes the first rule that matches and a user's wider `/ws` would
 * win. What the `config` hook returns comes last; and what it assigns stays in an inline config,
 * where Vite's restart finds it again and we would take it for the user's. So the resolved config
 * is changed, which is made anew each time.
 */
function addProxyRules({ base, server }: ResolvedConfig, upstream: Upstream): boolean {
  const own = server.proxy ?? {}
  if (Object.keys(own).some((key) => isSignalingRule(key, base))) return false
  server.proxy = { ...proxyRules(base, upstream), ...own }
  return true
}

function followServer(
  server: ViteDevServer,
  keeper: SidecarKeeper,
  wish: Wish,
  letIn: () => LetIn,
  log: Log,
): void {
  const { httpServer } = server
  // Middleware mode, Vitest's server and the like: nothing there says when it ends.
  if (!httpServer) return
  keeper.hold(httpServer)
  let site: Site | undefined
  httpServer.once('listening', () => {
    site = siteOf(server, letIn())
    keeper.siteFile.describe(site)
    keeper.keep(wish, log)
  })
  httpServer.once('close', () => {
    keeper.siteFile.forget(site)
    keeper.letGo(httpServer)
  })
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
