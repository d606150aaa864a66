import type { PageServer } from './page-server.ts'
import type { Log, SidecarKeeper, Wish } from './sidecar-keeper.ts'
import type { Site } from './site-file.ts'

/** One Vite's need of the project's sidecar: from when its pages can be asked for, to its end. */
export class SidecarStay {
  readonly #keeper: SidecarKeeper
  readonly #wish: Wish
  readonly #log: Log
  #site: Site | undefined

  constructor(keeper: SidecarKeeper, wish: Wish, log: Log) {
    this.#keeper = keeper
    this.#wish = wish
    this.#log = log
  }

  /** As long as this server listens, which need not have begun. */
  follow(server: PageServer, siteOf: () => Site): void {
    this.#keeper.hold(this)
    if (server.listening) this.begin(siteOf())
    else server.once('listening', () => this.begin(siteOf()))
    server.once('close', () => this.end())
  }

  begin(site: Site): void {
    this.#keeper.hold(this)
    this.#site = site
    this.#keeper.siteFile.describe(site)
    this.#keeper.keep(this.#wish, this.#log)
  }

  end(): void {
    this.#keeper.siteFile.forget(this.#site)
    this.#keeper.letGo(this)
  }
}
