import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerWith } from './inspector-answer.ts'
import { type Failure, forward, readAsAdmin } from './inspector-forward.ts'
import { type Asked, type Refusal, refusalOf } from './inspector-visitor.ts'
import type { Upstream } from './upstream.ts'

/**
 * The path of the inspector's page below the base of the app's pages. The page requests data from `api/` below that
 * path.
 */
export const INSPECTOR_FOLDER = '__signaling'

/** The path of the inspector's page on the sidecar. */
const SIDECAR_FOLDER = '/inspector/'

const LOOPBACK_NAME = /^(?:(?:.+\.)?localhost|127\..+|\[::1\])$/

/** Returns the URL of the inspector. `page` is a URL with which this machine can open the app. */
export function inspectorUrl(page: string): string {
  const url = new URL(`${INSPECTOR_FOLDER}/`, page)
  // The host of `page` may be a name from the hosts file, and the inspector refuses such names.
  if (!LOOPBACK_NAME.test(url.hostname)) url.hostname = 'localhost'
  return url.href
}

/** Returns a URL with which this machine can open the app, or undefined if there is none. */
type PageUrl = (request: IncomingMessage) => string | undefined

/** Serves the inspector on the dev server. The inspector's files and data come from the sidecar. */
export class Inspector {
  readonly #folders: readonly string[]
  readonly #upstream: Upstream
  readonly #pageUrl: PageUrl

  /** `base` is Vite's resolved base. */
  constructor(base: string, upstream: Upstream, pageUrl: PageUrl) {
    // The path works with and without Vite's base, like the path for signaling.
    this.#folders = [`/${INSPECTOR_FOLDER}`, `${base}${INSPECTOR_FOLDER}`]
    this.#upstream = upstream
    this.#pageUrl = pageUrl
  }

  /** Answers a request for the inspector. Returns false if the request has another path. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const rest = this.#restOf(request.url ?? '')
    if (rest === undefined) return false
    void this.#answer(request, response, rest)
    return true
  }

  /** The path of the inspector's page, with a slash at the end. */
  get path(): string {
    return `${this.#folders.at(-1)}/`
  }

  /** Returns why this request is refused, or undefined if it is allowed. */
  refusalOf(request: IncomingMessage, asked: Asked): Refusal | undefined {
    const page = this.#pageUrl(request)
    return refusalOf(request, asked, page && inspectorUrl(page))
  }

  /** Requests data from the sidecar. Rejects with an error whose message is for the developer. */
  read(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    return readAsAdmin(`${SIDECAR_FOLDER}api/${path}`, this.#upstream, signal)
  }

  /**
   * Returns the part of a URL that follows the inspector's folder: nothing, or a text that begins with `/` or `?`.
   */
  #restOf(url: string): string | undefined {
    const folder = this.#folders.find((path) => url.startsWith(path))
    const rest = folder === undefined ? undefined : url.slice(folder.length)
    return rest === '' || rest?.[0] === '/' || rest?.[0] === '?' ? rest : undefined
  }

  async #answer(request: IncomingMessage, response: ServerResponse, rest: string): Promise<void> {
    const path = rest.startsWith('/') ? sidecarPath(rest) : undefined
    const asked = path?.startsWith(`${SIDECAR_FOLDER}api/`) ? 'data' : 'page'
    const refusal = this.refusalOf(request, asked)
    if (refusal) return answerWith(response, { status: 403, ...refusal }, asked)
    if (!rest.startsWith('/')) {
      response.writeHead(308, { Location: `${INSPECTOR_FOLDER}/${rest}` }).end()
      return
    }
    const failure =
      path === undefined
        ? NO_SUCH_FILE
        : await forward(request, response, path, asked, this.#upstream)
    if (failure) answerWith(response, failure, asked)
  }
}

/** Returns the path on the sidecar, or undefined if the path leads out of the inspector's folder (with `..`). */
function sidecarPath(rest: string): string | undefined {
  const text = `http://sidecar${SIDECAR_FOLDER}${rest.slice(1)}`
  if (!URL.canParse(text)) return undefined
  const { pathname, search } = new URL(text)
  return pathname.startsWith(SIDECAR_FOLDER) ? pathname + search : undefined
}

const NO_SUCH_FILE: Failure = {
  status: 404,
  code: 'no-such-file',
  message: 'the inspector has no such file',
}
