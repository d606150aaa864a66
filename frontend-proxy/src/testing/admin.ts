import { type Answer, requestDirectly } from '../plugin/direct-request.ts'
import { findRunningSidecar, type RunningSidecar } from '../plugin/running-sidecar.ts'
import { SidecarGoneError, SidecarRefusedError } from './errors.ts'

/**
 * How long to wait for an answer. Most answers take milliseconds, but some take seconds, because the sidecar has to
 * read a large event log.
 */
const ANSWERS_WITHIN_MS = 20_000

/** Sends requests to the admin API of a running sidecar. */
export class Admin {
  #running: RunningSidecar
  readonly #whyGone: () => string | undefined

  /** `whyGone` returns how the sidecar has ended, if that is known. */
  constructor(running: RunningSidecar, whyGone: () => string | undefined = () => undefined) {
    this.#running = running
    this.#whyGone = whyGone
  }

  get running(): RunningSidecar {
    return this.#running
  }

  /** Sends a request and returns the parsed answer. Throws SidecarGoneError or SidecarRefusedError. */
  async ask<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const answer =
      (await this.#send(method, path, body)) ?? (await this.#sendAgain(method, path, body))
    if (answer.status >= 200 && answer.status < 300) return JSON.parse(answer.text) as T
    throw refusalOf(answer)
  }

  /** Reads runtime.json again, because a restarted sidecar has another port and another token. */
  async #sendAgain(method: string, path: string, body: object | undefined): Promise<Answer> {
    const { url, stateDir } = this.#running
    const again = await findRunningSidecar([stateDir])
    if (again) this.#running = again
    const answer = again && (await this.#send(method, path, body))
    if (answer) return answer
    throw new SidecarGoneError(url, this.#whyGone() ?? 'does not answer')
  }

  /** Returns undefined if there is no answer, or if the answer is 401 because the token is outdated. */
  async #send(method: string, path: string, body?: object): Promise<Answer | undefined> {
    const { url, adminToken } = this.#running
    const headers = { Authorization: `Bearer ${adminToken}`, 'Content-Type': 'application/json' }
    const signal = AbortSignal.timeout(ANSWERS_WITHIN_MS)
    const options = { method, headers, signal }
    try {
      const full = new URL(`/admin/v1/${path}`, url)
      const answer = await requestDirectly(full, options, body && JSON.stringify(body))
      return answer.status === 401 ? undefined : answer
    } catch {
      // The caller looks for the sidecar again, and throws an error if it finds none.
      return undefined
    }
  }
}

function refusalOf({ status, text }: Answer): SidecarRefusedError {
  try {
    const { code, message } = JSON.parse(text) as { code: string; message: string }
    return new SidecarRefusedError(code, message)
  } catch {
    // The text is not JSON: an older sidecar that does not have this path answers with a page.
    return new SidecarRefusedError(`status-${status}`, `the sidecar answered: ${text.trim()}`)
  }
}
