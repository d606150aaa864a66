import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import path from 'node:path'
import type { AllowedClients } from './allowed-clients.ts'
import {
  type Content,
  entriesIn,
  isOfRunningProcess,
  keepWritten,
  saveEntries,
} from './kept-file.ts'

/** The URLs of a project's pages. The sidecar needs them for its QR code, status page and announcement on the LAN. */
export interface PageUrls {
  readonly name: string
  /** The URLs on this machine. Each URL ends with Vite's base. */
  readonly local: readonly string[]
  /** The URLs on the network, sorted by `bestFirst`. Empty if Vite listens only on localhost. */
  readonly network: readonly string[]
}

/** The data about a running Vite server that the sidecar needs. */
export interface Site extends PageUrls, AllowedClients {}

const FILE_NAME = 'site.json'
const SECRET_BYTES = 32 // 256 bits cannot be guessed.

/**
 * Writes `site.json` into the sidecar's state folder, which other users cannot read. The file exists
 * while Vite listens, so a sidecar that is restarted finds it again.
 *
 * Several Vites can use one sidecar: `vite preview` beside `vite`, or those of the apps in one repository. The fields
 * of the file describe the Vite that was the last to begin. The field `others` is a list that describes the others.
 */
export class SiteFile {
  /** The proxy sends this secret with each request, so that the sidecar trusts the address in X-Forwarded-For. */
  readonly secret: string = randomBytes(SECRET_BYTES).toString('base64url')
  readonly #failed: (sentence: string) => void
  #folder: string | undefined
  /** The Vite servers of this process that listen, in the order in which they have begun. */
  #sites: readonly Site[] = []
  #stopKeeping: (() => void) | undefined

  constructor(failed: (sentence: string) => void) {
    this.#failed = failed
  }

  /** Must be called when the sidecar's state folder is known. */
  put(folder: string): void {
    if (folder !== this.#folder) this.#remove()
    this.#folder = folder
    this.#write()
  }

  /** Must be called when a Vite server begins to listen. */
  describe(site: Site): void {
    this.#sites = [...this.#sites, site]
    this.#write()
  }

  /** Must be called when the URLs of a Vite server have changed. */
  replace(before: Site | undefined, after: Site | undefined): void {
    this.#sites = this.#sites.map((site) => (site === before && after ? after : site))
    this.#write()
  }

  /** Removes this Vite server from the file. Must be called when the server is closed. */
  forget(site: Site | undefined): void {
    const left = this.#sites.filter((each) => each !== site)
    if (left.length === this.#sites.length) return
    this.#sites = left
    if (left.length > 0) this.#write()
    else this.#remove()
  }

  #write(): void {
    if (this.#folder === undefined || this.#sites.length === 0) return
    const { pid } = process
    const own = [...this.#sites].reverse().map((site) => ({ pid, ...site, secret: this.secret }))
    const file = path.join(this.#folder, FILE_NAME)
    try {
      saveEntries(file, [...own, ...this.#othersIn(file)])
    } catch (error) {
      this.#failed(
        `the sidecar does not know the URLs of the pages, because ${FILE_NAME} could not be written: ${(error as Error).message}`,
      )
    }
    this.#stopKeeping?.()
    this.#stopKeeping = keepWritten(
      () => this.#isIn(file) && entriesIn(file).every(isOfRunningProcess),
      () => {
        const found = entriesIn(file).filter(isOfRunningProcess)
        saveEntries(file, this.#isIn(file) ? found : [...found, ...own])
      },
    )
  }

  #isIn(file: string): boolean {
    return entriesIn(file).some(({ secret }) => secret === this.secret)
  }

  #othersIn(file: string): Content[] {
    return entriesIn(file).filter(
      (entry) => entry.secret !== this.secret && isOfRunningProcess(entry),
    )
  }

  #remove(): void {
    this.#stopKeeping?.()
    if (this.#folder === undefined) return
    const file = path.join(this.#folder, FILE_NAME)
    if (!this.#isIn(file)) return
    const others = this.#othersIn(file)
    try {
      if (others.length > 0) saveEntries(file, others)
      else rmSync(file, { force: true })
    } catch (error) {
      this.#failed(`${FILE_NAME} could not be removed: ${(error as Error).message}`)
    }
  }
}
