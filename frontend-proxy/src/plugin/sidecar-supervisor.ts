// Finds the running sidecar of a project, or starts one, and ends the one that it has started.
//
// 1. There is one supervisor per project and process, stored on `globalThis`: when Vite restarts
//    itself (after an edit of its config), it may load this module again, and must find the running
//    child process instead of starting another.
// 2. The sidecar runs while there is at least one lease. When Vite restarts itself, it configures the
//    new server before it closes the old one, so there is always a lease. (The order is the same in
//    Vite 7 and 8.) After a restart that fails, a lease may remain; the child then runs until Vite exits.
// 3. Each search and each stop changes `#turn`. If `#turn` has changed during an asynchronous step, the
//    result of that step is ignored.

import type { Log } from './log.ts'
import { PLUGIN_NAME, PLUGIN_VERSION, SIDECAR_NAME } from './names.ts'
import {
  type Answerer,
  answererAt,
  findByAddress,
  findRunningSidecar,
  isAlive,
  type RunningSidecar,
} from './running-sidecar.ts'
import { SidecarChild } from './sidecar-child.ts'
import { type SidecarConfig, stateFolderRefusal } from './sidecar-config.ts'
import type { ReadyLine } from './sidecar-process.ts'
import { SidecarStatus } from './sidecar-status.ts'
import { SiteFile } from './site-file.ts'
import { StartHistory } from './start-history.ts'
import { isSameFile, servedFolderAround } from './state-folder.ts'
import { newTestFolder } from './test-folder.ts'
import { messageOf, WITHOUT_SIGNALING } from './warn-on-error.ts'

// The minimum interval between two searches for a sidecar. Each attempt of a page to reconnect calls
// `unreachable`, which would otherwise start a search every time.
const SEARCH_INTERVAL_MS = 1000

const KEEPS_HOOKS =
  'that sidecar keeps the hooks with which it was started, so the option hooks has no effect on it'

export class SidecarSupervisor {
  /** The file that tells the sidecar the URLs of the pages. The leases provide the file's content. */
  readonly siteFile: SiteFile = new SiteFile((sentence) => this.#status.printOnce('warn', sentence))
  /** The state folder, if the sidecar is one for tests. The folder stays the same when Vite restarts itself. */
  readonly testFolder: string = newTestFolder()
  readonly #status = new SidecarStatus()
  #config: SidecarConfig | undefined
  readonly #child = new SidecarChild(this.#status, {
    ready: (line, config) => this.#accept(line, config),
    restart: (config) => this.#findOrStart(config),
    gaveUp: () => this.#settle(),
  })
  #isSearching = false
  #searchedAtMs = 0
  /** The running sidecar that was found by the last search. */
  #found: RunningSidecar | undefined
  #turn = 0
  readonly #leases = new Set<object>()
  /** The functions that resolve the promises which `starting` has returned. */
  readonly #waiting: (() => void)[] = []

  get url(): string | undefined {
    return this.#status.url
  }

  get secret(): string {
    return this.siteFile.secret
  }

  get problem(): string | undefined {
    return this.#status.problem
  }

  async adminToken(): Promise<string | undefined> {
    const { url, stateDir } = this.#status
    if (url === undefined) return undefined
    return (await findByAddress([stateDir], url))?.adminToken
  }

  addLease(lease: object): void {
    this.#leases.add(lease)
  }

  removeLease(lease: object): void {
    this.#leases.delete(lease)
    if (this.#leases.size === 0) this.#stop()
  }

  /** Finds or starts a sidecar for this config. If a child with an equal config runs already, it is kept. */
  run(config: SidecarConfig, log: Log): void {
    const isSame = JSON.stringify(config) === JSON.stringify(this.#config)
    this.#config = config
    this.#status.printTo(log)
    if (isSame && this.#isActive) return
    this.#stop()
    this.#child.history = new StartHistory()
    this.#findOrStart(config)
  }

  /**
   * Must be called when a request has reached no sidecar. Searches again, because a sidecar that another program
   * has started may have exited or have a new address. (The exit of a child is noticed without a search.)
   */
  unreachable(): void {
    if (!this.#config || this.#isActive || this.#leases.size === 0) return
    if (Date.now() - this.#searchedAtMs < SEARCH_INTERVAL_MS) return
    this.#findOrStart(this.#config)
  }

  /**
   * Checks a sidecar that another program has started: after it has ended, another program, such as the sidecar of
   * another project, may have been started on its port.
   */
  confirmed(): Promise<void> | undefined {
    const found = this.#found
    if (found === undefined || this.#isActive) return undefined
    return this.#leaveIfReplaced(found)
  }

  async #leaveIfReplaced(found: RunningSidecar): Promise<void> {
    const answerer = await answererAt(found)
    // A sidecar that runs may be too busy to answer in time.
    const runs = answerer === 'nobody' ? isAlive(found.pid) : answerer === 'the sidecar'
    // Another request may have begun the search in the meantime.
    if (!runs && found === this.#found && !this.#isActive && this.#config) {
      this.#status.lost()
      this.#findOrStart(this.#config, answerer)
    }
    if (this.url === undefined) await this.starting()
  }

  failed(error: Error): void {
    this.#status.printOnce('warn', `the proxy failed: ${error.message}`)
  }

  refused(status: number, reason: string): void {
    // The sidecar itself prints why it has refused a Host or an Origin (403).
    if (status !== 403) this.#status.printOnce('warn', `a page was refused (${status}): ${reason}`)
  }

  /**
   * Returns a promise that resolves when the sidecar listens or its start has failed. Returns undefined if no
   * start is in progress.
   */
  starting(): Promise<void> | undefined {
    if (!this.#isActive) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Whether a child runs or will be restarted, or a search for a running sidecar is in progress. */
  get #isActive(): boolean {
    return this.#isSearching || this.#child.isActive
  }

  #settle(): void {
    if (this.url === undefined && this.#isActive) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #stop(): void {
    this.#turn += 1
    this.#status.lost()
    this.#isSearching = false
    this.#child.end()
    this.#settle()
  }

  /** `answerer` is who answers at the address of the sidecar that was last found. */
  #findOrStart(config: SidecarConfig, answerer: Answerer = 'nobody'): void {
    this.#findThenStart(config, answerer)
      .catch((error) => this.#status.printOnce('warn', `${messageOf(error)}; ${WITHOUT_SIGNALING}`))
      .finally(() => this.#settle())
  }

  async #findThenStart(config: SidecarConfig, answerer: Answerer): Promise<void> {
    this.#turn += 1
    const turn = this.#turn
    this.#isSearching = true
    this.#searchedAtMs = Date.now()
    await this.#child.exited
    const running = await findRunningSidecar(config.stateFolders)
    if (turn !== this.#turn) return
    this.#isSearching = false
    const lost = this.#found
    this.#found = running
    // After a reload of its code, a sidecar has another boot id and the same address.
    if (lost && lost.url !== running?.url) this.#hasEnded(lost, answerer)
    if (running) {
      this.#child.history.ready()
      this.#use(running, config)
      return
    }
    this.#status.lost()
    this.#child.start(config)
  }

  #hasEnded({ pid, url }: RunningSidecar, answerer: Answerer): void {
    this.#status.lost()
    const now = answerer === 'nobody' ? '' : `, and ${answerer} answers there now`
    this.#status.print(
      'warn',
      `the sidecar that was already running (pid ${pid}, ${url}) has ended${now}`,
    )
  }

  #use({ stateDir, pid, url, version, hooks }: RunningSidecar, config: SidecarConfig): void {
    const served = servedFolderAround(stateDir, config.servedFolders)
    if (served !== undefined) {
      const refusal = stateFolderRefusal(stateDir, served)
      this.#status.printOnce(
        'warn',
        `not using the sidecar that is already running (${url}): ${refusal}`,
      )
      return
    }
    this.#listens(url, stateDir)
    this.#status.printOnce('info', `using the sidecar that is already running (pid ${pid}, ${url})`)
    // Another Vite with the same option may have started the sidecar.
    if (config.hooks !== undefined && !isSameFile(config.hooks, hooks))
      this.#status.printOnce('warn', KEEPS_HOOKS)
    this.#compareVersions(version)
  }

  #listens(url: string, stateDir: string): void {
    this.#status.listens(url, stateDir)
    this.siteFile.put(stateDir)
  }

  #accept(line: ReadyLine, config: SidecarConfig): void {
    // The sidecar's own settings (environment, sidecar.toml) can name another state folder than the
    // one that was checked before the start.
    const served = servedFolderAround(line.stateDir, config.servedFolders)
    if (served !== undefined) {
      this.#stop()
      this.#child.history.giveUp()
      this.#status.print(
        'warn',
        `the sidecar was stopped: ${stateFolderRefusal(line.stateDir, served)}`,
      )
      return
    }
    this.#listens(line.url, line.stateDir)
    this.#settle()
    this.#compareVersions(line.version)
  }

  #compareVersions(version: string): void {
    const release = (text: string) => text.split('.').slice(0, 2).join('.')
    if (release(version) === release(PLUGIN_VERSION)) return
    this.#status.print(
      'warn',
      `${SIDECAR_NAME} ${version} and ${PLUGIN_NAME} ${PLUGIN_VERSION} are from different releases; update the older one`,
    )
  }
}

const SUPERVISORS = Symbol.for(PLUGIN_NAME)

/** Returns the supervisor of the project at `root`. */
export function supervisorOf(root: string): SidecarSupervisor {
  const shared = globalThis as { [SUPERVISORS]?: Map<string, SidecarSupervisor> }
  shared[SUPERVISORS] ??= new Map()
  const supervisor = shared[SUPERVISORS].get(root) ?? new SidecarSupervisor()
  shared[SUPERVISORS].set(root, supervisor)
  return supervisor
}
