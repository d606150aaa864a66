import type { LetIn } from './allowed-clients.ts'
import { watchOtherApps } from './other-apps.ts'
import type { PageServer } from './page-server.ts'
import type { Log, SidecarKeeper, Wish } from './sidecar-supervisor.ts'
import type { Pages, Site } from './site-file.ts'
import { goOn, WITHOUT_SIGNALING } from './warn-on-error.ts'

/** One Vite's need of the project's sidecar: from when its pages can be asked for, to its end. */
export class SidecarStay {
  readonly #keeper: SidecarKeeper
  readonly #wish: Wish
  readonly #letIn: LetIn
  readonly #log: Log
  #site: Site | undefined
  #stopWatching: (() => void) | undefined

  constructor(keeper: SidecarKeeper, wish: Wish, letIn: LetIn, log: Log) {
    this.#keeper = keeper
    this.#wish = wish
    this.#letIn = letIn
    this.#log = log
  }

  /** As long as this server listens, which need not have begun. */
  follow(server: PageServer, pagesOf: () => Pages): void {
    this.#keeper.hold(this)
    const begin = () => goOn(this.#log, WITHOUT_SIGNALING, () => this.begin(pagesOf()))
    if (server.listening) begin()
    else server.once('listening', begin)
    server.once('close', () => goOn(this.#log, WITHOUT_SIGNALING, () => this.end()))
  }

  begin(pages: Pages): void {
    this.#keeper.hold(this)
    this.#site = { ...pages, ...this.#letIn }
    this.#keeper.siteFile.describe(this.#site)
    this.#keeper.keep(this.#wish, this.#log)
    this.#stopWatching ??= watchOtherApps(this.#wish.projectFolders, this.#log)
  }

  end(): void {
    this.#stopWatching?.()
    this.#stopWatching = undefined
    this.#keeper.siteFile.forget(this.#site)
    this.#keeper.letGo(this)
  }
}
