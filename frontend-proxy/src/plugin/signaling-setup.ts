import type { ResolvedConfig } from 'vite'
import { allowedClients, originsIn, warningsFor } from './allowed-clients.ts'
import { fixedUpstream } from './fixed-upstream.ts'
import type { ConfigPart, Lan } from './lan.ts'
import { type Log, logOf } from './log.ts'
import type { Plan } from './options.ts'
import { hostRefusal } from './page-host.ts'
import { isSignalingRule, SIGNALING_PATH, SignalingProxy } from './proxy-rule.ts'
import { sidecarConfigFrom } from './sidecar-config.ts'
import { SidecarLease } from './sidecar-lease.ts'
import { supervisorOf } from './sidecar-supervisor.ts'
import type { Upstream } from './upstream.ts'
import { WITHOUT_SIGNALING, warnOnError } from './warn-on-error.ts'

/** What the plugin has set up for one Vite config. */
export interface SignalingSetup {
  /** Undefined if the user has a proxy rule of their own for signaling. */
  readonly proxy: SignalingProxy | undefined
  /** Undefined if the plugin does not start a sidecar. */
  readonly lease: SidecarLease | undefined
  /** The sidecar that the inspector shows. */
  readonly upstream: Upstream
  /** The sidecar's address, if the options contain it. */
  readonly fixedAddress: string | undefined
  /** Whether the option `lan` is set. */
  readonly hasLan: boolean
  readonly log: Log
}

/** Adds the proxy rules to the config, and prepares the lease on the sidecar. */
export function setUp(
  plan: Plan,
  config: ResolvedConfig,
  part: ConfigPart,
  lan: Lan | undefined,
): SignalingSetup {
  const log = logOf(config)
  const hasLan = lan !== undefined
  const { allowedHosts, cors } = config[part]
  if (plan.kind === 'proxy-only') {
    const { target } = plan
    const { allowedHosts: names } = allowedClients(allowedHosts, lan?.hosts ?? [], [])
    const refusal = (host: string) => hostRefusal(host, names, part)
    const upstream = fixedUpstream(plan, config.root, refusal, log)
    const warnings = upstream.isRemote ? warningsFor(allowedHosts, []) : []
    for (const warning of warnings) log.warn(warning)
    const proxy = addProxyRules(config, part, upstream)
    return { proxy, lease: undefined, upstream, fixedAddress: target, hasLan, log }
  }
  const supervisor = supervisorOf(config.root)
  // The rules are also added when no sidecar may be started. The proxy then answers with a 503 and a sentence.
  const proxy = addProxyRules(config, part, supervisor)
  const { port } = plan.details
  const fixedAddress = port ? `http://127.0.0.1:${port}` : undefined
  const setup = { proxy, lease: undefined, upstream: supervisor, fixedAddress, hasLan, log }
  if (proxy === undefined && !plan.explicit && !plan.test) {
    const reason = `${part}.proxy has its own rule for ${SIGNALING_PATH}, so no sidecar is started`
    log.info(reason)
    return { ...setup, upstream: noUpstream(`${reason} by the plugin; ${INSPECT_HINT}`) }
  }
  const sidecar = warnOnError(log, WITHOUT_SIGNALING, () =>
    sidecarConfigFrom(plan, config, supervisor.testFolder),
  )
  if (sidecar === undefined) return setup
  for (const warning of warningsFor(allowedHosts, plan.allowedOrigins)) log.warn(warning)
  const clients = allowedClients(allowedHosts, lan?.hosts ?? [], [
    ...plan.allowedOrigins,
    ...originsIn(cors),
  ])
  return { ...setup, lease: new SidecarLease(supervisor, sidecar, clients, log) }
}

/**
 * Adds the plugin's proxy rules and returns them, unless the user has a rule for signaling.
 *
 * The plugin's rules come before the user's rules, because Vite uses the first rule that matches, and a user's rule
 * for `/ws` matches the path for signaling, too. The rules cannot be returned from the `config` hook, because Vite
 * would add them last. The hook must not assign the rules either: if the config is an inline config, Vite keeps it
 * when it restarts itself, and the plugin would take its own rules for the user's. So they are added to the
 * resolved config, which Vite creates again each time.
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

const INSPECT_HINT = 'run "sidecar inspect" to open the inspector of the one that is running'

/**
 * Returns an `Upstream` without a URL, because the user's own proxy rule forwards to a sidecar that the plugin does
 * not know.
 */
function noUpstream(problem: string): Upstream {
  return {
    url: undefined,
    problem,
    secret: '',
    adminToken: async () => undefined,
    starting: () => undefined,
    unreachable: () => {},
    failed: () => {},
  }
}
