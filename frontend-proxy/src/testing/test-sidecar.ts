import { readdirSync } from 'node:fs'
import path from 'node:path'
import { SIGNALING_PATH } from '../plugin/proxy-rule.ts'
import type { Admin } from './admin.ts'
import { TestRoom } from './test-room.ts'

/**
 * A running sidecar, with methods for tests, which can be destructured:
 * `const { room } = await startSidecar()`.
 */
export class TestSidecar {
  readonly #admin: Admin
  readonly #dialect: string

  constructor(admin: Admin, dialect: string) {
    this.#admin = admin
    this.#dialect = dialect
  }

  /** The URL for clients, which begins with `ws:`. */
  get url(): string {
    const path = this.#dialect === ROOMS ? SIGNALING_PATH : `${SIGNALING_PATH}/${this.#dialect}`
    return new URL(path, this.#admin.running.url.replace(/^http/, 'ws')).href
  }

  /** The path of the newest segment of the event log, for the report of a test. */
  get log(): string {
    const { stateDir, boot } = this.#admin.running
    const segments = readdirSync(stateDir).filter((name) => name.startsWith(`events-${boot}-`))
    return path.join(stateDir, segments.sort().at(-1) ?? '')
  }

  /** Returns the room with this id. The room may not exist yet. */
  readonly room = (
    id: string,
    { dialect = this.#dialect }: { dialect?: string | undefined } = {},
  ): TestRoom => new TestRoom(id, dialect, this.#admin, () => this.log)
}

/** The dialect that the browser client of this package speaks. */
export const ROOMS = 'rooms'
