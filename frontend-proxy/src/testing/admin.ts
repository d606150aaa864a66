import { findRunningSidecar, type RunningSidecar } from '../plugin/running-sidecar.ts'
import { SidecarGoneError, SidecarRefusedError } from './errors.ts'

/** On loopback an answer takes milliseconds, but a large log is read for seconds. */
const ANSWERS_WITHIN_MS = 20_000

/** Sends requests to the admin API of a running sidecar. */
export class Admin {
  #running: RunningSidecar
  readonly #whyGone: () => string | undefined

  /** `whyGone` says how the sidecar has ended, if that is known. */
  constructor(running: RunningSidecar, whyGone: () => string | undefined = () => undefined) {
    this.#running = running
    this.#whyGone = whyGone
  }

  get running(): RunningSidecar {
    return this.#running
  }

  /** Throws SidecarGoneError and SidecarRefusedError. */
  async ask<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const answer =
      (await this.#send(method, path, body)) ?? (await this.#sendAgain(method, path, body))
    const text = await answer.text()
    if (answer.ok) return JSON.parse(text) as T
    throw refusalOf(answer, text)
  }

  /** A sidecar that was restarted has another port and another token. */
  async #sendAgain(method: string, path: string, body: object | undefined): Promise<Response> {
    const { url, stateDir } = this.#running
    const again = await findRunningSidecar([stateDir])
    if (again) this.#running = again
    const answer = again && (await this.#send(method, path, body))
    if (answer) return answer
    throw new SidecarGoneError(url, this.#whyGone() ?? 'does not answer')
  }

  /** Returns undefined if nobody answers, or one to whom the token is unknown. */
  async #send(method: string, path: string, body?: object): Promise<Response | undefined> {
    const { url, adminToken } = this.#running
    const headers = { Authorization: `Bearer ${adminToken}`, 'Content-Type': 'application/json' }
    const signal = AbortSignal.timeout(ANSWERS_WITHIN_MS)
    try {
      const answer = await fetch(new URL(`/admin/v1/${path}`, url), {
        method,
        headers,
        signal,
        ...(body && { body: JSON.stringify(body) }),
      })
      return answer.status === 401 ? undefined : answer
    } catch {
      // The caller looks for the sidecar again, and reports it if there is none.
      return undefined
    }
  }
}

function refusalOf({ status }: Response, text: string): SidecarRefusedError {
  try {
    const { code, message } = JSON.parse(text) as { code: string; message: string }
    return new SidecarRefusedError(code, message)
  } catch {
    // An older sidecar does not know the path, and answers with a page.
    return new SidecarRefusedError(`status-${status}`, `the sidecar answered: ${text.trim()}`)
  }
}
