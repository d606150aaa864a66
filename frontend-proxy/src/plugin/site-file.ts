import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { LetIn } from './allowed-clients.ts'

/** Where a project's pages are, for the sidecar's QR code, its status page and its announcement. */
export interface Pages {
  readonly name: string
  /** URLs that end with Vite's base. */
  readonly local: readonly string[]
  /** As `local`, the best first; empty when Vite is on localhost only. */
  readonly network: readonly string[]
}

/** What the sidecar is told of a Vite that runs. */
export interface Site extends Pages, LetIn {}

const FILE_NAME = 'site.json'
const SECRET_BYTES = 32 // 256 bits: nobody guesses it, and it is made once for each process

/**
 * `site.json` in the sidecar's state folder, which both sides know and nobody else may read. It is
 * there while Vite listens and the folder is known, so a sidecar that is restarted finds it again.
 */
export class SiteFile {
  /** What the proxy proves itself with, so the sidecar can believe the address that it forwards. */
  readonly secret: string = randomBytes(SECRET_BYTES).toString('base64url')
  readonly #failed: (sentence: string) => void
  #folder: string | undefined
  #site: Site | undefined

  constructor(failed: (sentence: string) => void) {
    this.#failed = failed
  }

  /** The sidecar's state folder is there. */
  put(folder: string): void {
    if (folder !== this.#folder) this.#remove()
    this.#folder = folder
    this.#write()
  }

  /** The pages are here now. */
  describe(site: Site): void {
    this.#site = site
    this.#write()
  }

  /** They are there no longer, unless others are described by now. */
  forget(site: Site | undefined): void {
    if (site !== this.#site) return
    this.#site = undefined
    this.#remove()
  }

  #write(): void {
    if (this.#folder === undefined || this.#site === undefined) return
    const content = JSON.stringify({ pid: process.pid, ...this.#site, secret: this.secret })
    const file = path.join(this.#folder, FILE_NAME)
    const temporary = `${file}.${process.pid}.new`
    try {
      // Renamed into its place, because the sidecar may be reading it.
      writeFileSync(temporary, content, { mode: 0o600 })
      renameSync(temporary, file)
    } catch (error) {
      this.#failed(`the sidecar cannot be told where the pages are: ${(error as Error).message}`)
    }
  }

  #remove(): void {
    if (this.#folder === undefined) return
    const file = path.join(this.#folder, FILE_NAME)
    // A second Vite of this project may have put its own there.
    if (secretIn(file) === this.secret) rmSync(file, { force: true })
  }
}

function secretIn(file: string): unknown {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { secret?: unknown } | null)?.secret
  } catch {
    // Not there, or not a file of ours: either way there is nothing of ours to remove.
    return undefined
  }
}
