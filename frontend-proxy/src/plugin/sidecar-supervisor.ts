// Rules of this file, which alone knows whether a project has a sidecar and where:
//
// 1. One keeper per project and process, on `globalThis`: Vite's own restart (a config edit) loads
//    the config and maybe this module anew, and must find the running child, not start another.
// 2. It runs from the first `keep()` until its last holder lets go. At a restart Vite configures
//    the new server before it closes the old one, so the count does not touch zero in between;
//    that order is the same in Vite 7 and 8, and needs no hook that only one of them has. A restart
//    that fails half way leaves a holder behind; then the child ends with the process.
// 3. At most one child. A new one is started only after the old one has gone.
// 4. `url` is set exactly while a sidecar is known to listen there.
// 5. What an await of an earlier turn brings is dropped: `#turn` counts up whenever we stop.

import { findCommands } from './find-command.ts'
import { PLUGIN_NAME, PLUGIN_VERSION, SIDECAR_NAME } from './names.ts'
import { findRunningSidecar } from './running-sidecar.ts'
import { type End, type ReadyLine, type SidecarProcess, startSidecar } from './sidecar-process.ts'
import { SiteFile } from './site-file.ts'
import { servedFolderAround } from './state-folder.ts'
import { sentenceOf, WITHOUT_SIGNALING } from './warn-on-error.ts'

/** What a project wants of its sidecar. Plain data: two equal wishes need the same process. */
export interface Wish {
  readonly root: string
  /** Nearest first; where a program is looked for. */
  readonly projectFolders: readonly string[]
  /** Where a running sidecar of this project leaves its runtime.json. */
  readonly stateFolders: readonly string[]
  /** What Vite hands out to anybody: the state folder must not be in one of them. */
  readonly servedFolders: readonly string[]
  readonly command: readonly string[] | undefined
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Why none may be started (one that runs is used all the same). */
  readonly startRefusal: string | undefined
}

export interface Log {
  info(sentence: string): void
  warn(sentence: string): void
}

// As long as it takes to fix a broken environment by hand, nobody wants to wait longer than 4 s.
const RESTART_DELAYS_MS = [1000, 2000, 4000] as const
// A sidecar that lived this long was not killed by its own start: the delays begin anew.
const STEADY_AFTER_MS = 10_000
// The first start and one after each delay. Without a single ready line a fifth will not help.
const MAX_STARTS_WITHOUT_READY = 1 + RESTART_DELAYS_MS.length
// Every reconnecting page asks; the files are looked at once for all of them.
const LOOK_INTERVAL_MS = 1000

const INSTALL_HINT = `install it with "pip install ${SIDECAR_NAME}" (in .venv or on PATH) or install uv; ${WITHOUT_SIGNALING}`
const NONE_FIT = `there is no other: ${INSTALL_HINT}`

export class SidecarKeeper {
  /** Its holders say in it where the pages are. */
  readonly siteFile: SiteFile = new SiteFile((sentence) => this.#say('warn', sentence))
  #url: string | undefined
  #wish: Wish | undefined
  #log: Log = { info: () => {}, warn: () => {} }
  #lastSaid = ''
  #child: SidecarProcess | undefined
  #childGone: Promise<void> = Promise.resolve()
  #restart: NodeJS.Timeout | undefined
  #isLooking = false
  #lookedAtMs = 0
  #turn = 0
  #deaths = 0
  #startsWithoutReady = 0
  /** Programs that were found and are no sidecar that runs here, by their path. */
  readonly #unfit = new Set<string>()
  /** With what the last child ended that was never ready. */
  #lastEnd = ''
  readonly #holders = new Set<object>()

  get url(): string | undefined {
    return this.#url
  }

  get secret(): string {
    return this.siteFile.secret
  }

  hold(holder: object): void {
    this.#holders.add(holder)
  }

  letGo(holder: object): void {
    this.#holders.delete(holder)
    if (this.#holders.size === 0) this.#stop()
  }

  /** Vite listens: have a sidecar by `wish`. One that already runs for an equal wish goes on. */
  keep(wish: Wish, log: Log): void {
    const isSame = JSON.stringify(wish) === JSON.stringify(this.#wish)
    this.#wish = wish
    this.#log = log
    this.#lastSaid = ''
    if (isSame && (this.#child || this.#restart || this.#isLooking)) return
    this.#stop()
    this.#deaths = 0
    this.#startsWithoutReady = 0
    this.#unfit.clear()
    this.#lastEnd = ''
    this.#have(wish)
  }

  /** Somebody wanted the sidecar and nobody answered. Our own child reports its end by itself. */
  unreachable(): void {
    const isHandled = this.#child || this.#restart || this.#isLooking
    if (!this.#wish || isHandled || this.#holders.size === 0) return
    if (Date.now() - this.#lookedAtMs < LOOK_INTERVAL_MS) return
    this.#have(this.#wish)
  }

  failed(error: Error): void {
    this.#say('warn', `the proxy failed: ${error.message}`)
  }

  #stop(): void {
    this.#turn += 1
    this.#url = undefined
    this.#isLooking = false
    clearTimeout(this.#restart)
    this.#restart = undefined
    if (this.#child) this.#childGone = this.#child.end()
    this.#child = undefined
  }

  #have(wish: Wish): void {
    this.#acquire(wish).catch((error) => {
      this.#say('warn', `${sentenceOf(error)}; ${WITHOUT_SIGNALING}`)
    })
  }

  async #acquire(wish: Wish): Promise<void> {
    this.#turn += 1
    const turn = this.#turn
    this.#isLooking = true
    this.#lookedAtMs = Date.now()
    await this.#childGone
    const running = await findRunningSidecar(wish.stateFolders)
    if (turn !== this.#turn) return
    this.#isLooking = false
    const served = running && servedFolderAround(running.stateDir, wish.servedFolders)
    if (running && served !== undefined) {
      const refusal = stateFolderRefusal(running.stateDir, served)
      this.#say('warn', `not using the sidecar that runs already (${running.url}): ${refusal}`)
      return
    }
    this.#url = running?.url
    if (running) {
      this.siteFile.put(running.stateDir)
      this.#say('info', `using the sidecar that runs already (pid ${running.pid}, ${running.url})`)
      this.#compareVersions(running.version)
      return
    }
    if (this.#startsWithoutReady >= MAX_STARTS_WITHOUT_READY) return
    const command = wish.command ?? this.#findFitCommand(wish)
    if (wish.startRefusal) this.#say('info', `no sidecar started: ${wish.startRefusal}`)
    else if (command) this.#start(wish, command)
    else if (this.#unfit.size === 0) this.#say('warn', `no sidecar found: ${INSTALL_HINT}`)
  }

  #findFitCommand({ projectFolders }: Wish): readonly string[] | undefined {
    return findCommands(projectFolders).find(([program = '']) => !this.#unfit.has(program))
  }

  #start(wish: Wish, command: readonly string[]): void {
    this.#startsWithoutReady += 1
    const { args, env, root: folder } = wish
    // Also the last words of a child that was told to end are for people; the rest is stale then.
    const isCurrent = () => this.#child === child
    let readyAtMs = Number.POSITIVE_INFINITY
    // What a program says that may be no sidecar, or the same as the last one, is held until that is
    // known. uvx, which may load for a while, and what the user has named are heard at once.
    const isDoubtful = this.#lastEnd !== '' || (wish.command === undefined && command.length === 1)
    let held: string[] | undefined = isDoubtful ? [] : undefined
    const release = () => {
      for (const line of held ?? []) this.#log.info(line)
      held = undefined
    }
    const child = startSidecar(
      { command, args, env, folder },
      {
        said: (line) => {
          if (held) held.push(line)
          else this.#log.info(line)
        },
        ready: (line) => {
          readyAtMs = Date.now()
          this.#lastEnd = ''
          release()
          if (isCurrent()) this.#accept(line, wish)
        },
        gone: (end) => {
          if (Date.now() - readyAtMs >= STEADY_AFTER_MS) this.#deaths = 0
          const isFoundInVain = end.isUnfit && wish.command === undefined
          if (!isFoundInVain && end.reason !== this.#lastEnd) release()
          if (!isCurrent()) return
          if (isFoundInVain) this.#tryAnother(command, end, wish)
          else this.#startAgain(end, wish)
        },
      },
    )
    this.#child = child
  }

  #accept(line: ReadyLine, wish: Wish): void {
    // Its own settings (environment, sidecar.toml) can move the state folder, so what the plugin
    // computed beforehand is not enough.
    const served = servedFolderAround(line.stateDir, wish.servedFolders)
    if (served !== undefined) {
      this.#stop()
      this.#startsWithoutReady = MAX_STARTS_WITHOUT_READY
      this.#log.warn(`sidecar ended: ${stateFolderRefusal(line.stateDir, served)}`)
      return
    }
    this.#startsWithoutReady = 0
    this.#url = line.url
    this.siteFile.put(line.stateDir)
    this.#compareVersions(line.version)
  }

  /** What was found is no sidecar, or none that runs here: the next place is looked into. */
  #tryAnother([program = '']: readonly string[], { reason }: End, wish: Wish): void {
    this.#child = undefined
    this.#startsWithoutReady -= 1
    this.#unfit.add(program)
    const [next] = this.#findFitCommand(wish) ?? []
    const rest = next === undefined ? NONE_FIT : `trying ${next}`
    this.#say('warn', `${program} is no sidecar that runs here: ${reason}; ${rest}`)
    if (next !== undefined) this.#have(wish)
  }

  #startAgain({ how, reason }: End, wish: Wish): void {
    this.#url = undefined
    this.#child = undefined
    if (this.#startsWithoutReady >= MAX_STARTS_WITHOUT_READY) {
      const rest = `gave up after ${MAX_STARTS_WITHOUT_READY} starts; restart Vite to try again`
      this.#log.warn(`the sidecar ${reason}; ${rest}`)
      return
    }
    const delayMs = RESTART_DELAYS_MS[Math.min(this.#deaths, RESTART_DELAYS_MS.length - 1)] ?? 0
    this.#deaths += 1
    // What it said last stands above, or is the same as before.
    const end = reason === this.#lastEnd ? 'ended in the same way' : how
    this.#lastEnd = reason
    this.#log.warn(`the sidecar ${end}; starting it again in ${delayMs / 1000} s`)
    this.#restart = setTimeout(() => {
      this.#restart = undefined
      this.#have(wish)
    }, delayMs).unref()
  }

  #compareVersions(version: string): void {
    const release = (text: string) => text.split('.').slice(0, 2).join('.')
    if (release(version) === release(PLUGIN_VERSION)) return
    this.#log.warn(
      `${SIDECAR_NAME} ${version} and ${PLUGIN_NAME} ${PLUGIN_VERSION} are of different releases: update the older one`,
    )
  }

  // Looking again at every failed request must not repeat the answer in the terminal.
  #say(level: 'info' | 'warn', sentence: string): void {
    if (sentence !== this.#lastSaid) this.#log[level](sentence)
    this.#lastSaid = sentence
  }
}

export function stateFolderRefusal(stateDir: string, served: string): string {
  return `the state folder ${stateDir} is inside ${served}, which Vite serves to everybody who can reach it; choose a stateDir outside`
}

const KEEPERS = Symbol.for(PLUGIN_NAME)

/** The keeper of the project at `root`. */
export function keeperOf(root: string): SidecarKeeper {
  const place = globalThis as { [KEEPERS]?: Map<string, SidecarKeeper> }
  place[KEEPERS] ??= new Map()
  const keepers = place[KEEPERS]
  const keeper = keepers.get(root) ?? new SidecarKeeper()
  keepers.set(root, keeper)
  return keeper
}
