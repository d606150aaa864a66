import { isDeepStrictEqual } from 'node:util'
import type { AllowedClients } from './allowed-clients.ts'
import { keepWritten } from './kept-file.ts'
import type { Log } from './log.ts'
import { watchOtherApps } from './other-apps.ts'
import type { PageServer } from './page-server.ts'
import type { SidecarConfig } from './sidecar-config.ts'
import type { SidecarSupervisor } from './sidecar-supervisor.ts'
import type { PageUrls, Site } from './site-file.ts'
import { announceToTests } from './test-announcement.ts'
import { deleteOldTestFolders } from './test-folder.ts'
import { WITHOUT_SIGNALING, warnOnError } from './warn-on-error.ts'

/**
 * One Vite server's lease on the sidecar of its project. The sidecar runs as long as there is at least
 * one lease.
 */
export class SidecarLease {
  readonly #supervisor: SidecarSupervisor
  readonly #config: SidecarConfig
  readonly #clients: AllowedClients
  readonly #log: Log
  #site: Site | undefined
  #stopWatching: (() => void) | undefined
  #withdraw: (() => void) | undefined
  /** Aborted by `end()`. The server may continue to run in middleware mode, and must not keep old listeners. */
  readonly #ended = new AbortController()

  constructor(
    supervisor: SidecarSupervisor,
    config: SidecarConfig,
    clients: AllowedClients,
    log: Log,
  ) {
    this.#supervisor = supervisor
    this.#config = config
    this.#clients = clients
    this.#log = log
  }

  /** Holds the lease until this server is closed. The sidecar is found or started when the server listens. */
  follow(server: PageServer, urls: () => PageUrls): void {
    this.#supervisor.addLease(this)
    const begin = () => warnOnError(this.#log, WITHOUT_SIGNALING, () => this.begin(urls))
    if (server.listening) begin()
    else server.once('listening', begin)
    const end = () => warnOnError(this.#log, WITHOUT_SIGNALING, () => this.end())
    server.once('close', end)
    this.#ended.signal.addEventListener('abort', () =>
      server.off('listening', begin).off('close', end),
    )
  }

  /** Does nothing after `end()`: in middleware mode, the server may begin to listen after Vite has closed. */
  begin(urls: () => PageUrls): void {
    if (this.#ended.signal.aborted) return
    this.#supervisor.addLease(this)
    this.#site = { ...urls(), ...this.#clients }
    this.#supervisor.siteFile.describe(this.#site)
    this.#followNetwork(urls)
    this.#supervisor.run(this.#config, this.#log)
    this.#announceToTests()
    // A sidecar for tests is never shared.
    if (this.#config.testsOf === undefined)
      this.#stopWatching ??= watchOtherApps(this.#config.projectFolders, this.#log)
  }

  end(): void {
    this.#ended.abort()
    this.#stopWatching?.()
    this.#stopWatching = undefined
    this.#supervisor.removeLease(this)
    this.#supervisor.siteFile.forget(this.#site)
    const withdraw = this.#withdraw
    this.#withdraw = undefined
    withdraw?.()
  }

  /** Corrects the URLs in site.json when this machine gets other addresses. */
  #followNetwork(urls: () => PageUrls): void {
    const isCurrent = () => isDeepStrictEqual(urls().network, this.#site?.network)
    const correct = () => {
      const { network } = urls()
      const site = this.#site && { ...this.#site, network }
      this.#supervisor.siteFile.replace(this.#site, site)
      this.#site = site
    }
    this.#ended.signal.addEventListener('abort', keepWritten(isCurrent, correct))
  }

  #announceToTests(): void {
    const { testsOf, stateFolders } = this.#config
    const [stateDir] = stateFolders
    if (testsOf === undefined || stateDir === undefined || this.#withdraw) return
    this.#withdraw = announceToTests(testsOf, stateDir)
    void deleteOldTestFolders()
  }
}
