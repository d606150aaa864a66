// Forwards requests for the inspector to the sidecar. The admin's token is added here, in Node, so that
// no page, URL or log contains it.

import { IncomingMessage, request as openHttp, type ServerResponse } from 'node:http'
import { request as openHttps } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { setSafeHeaders } from './inspector-answer.ts'
import type { Asked } from './inspector-visitor.ts'
import { untilStarted } from './proxy-rule.ts'
import type { Upstream } from './upstream.ts'

/**
 * The error with which the plugin itself answers a request. `code` does not change between releases, and `message`
 * says what to do.
 */
export interface Failure {
  readonly status: number
  readonly code: string
  readonly message: string
}

/**
 * The request headers that are forwarded to the sidecar. Cookies and Authorization are not forwarded, because they
 * belong to the app.
 */
const REQUEST_HEADERS = ['accept', 'accept-encoding', 'content-type']

/** The headers of the sidecar's answer that are forwarded to the page. */
const ANSWER_HEADERS = [
  'allow',
  'content-disposition',
  'content-encoding',
  'content-length',
  'content-security-policy',
  'content-type',
]

/** The maximum size of a request's body. (The body of an admin's action is only a few lines of JSON.) */
const MAX_BODY_BYTES = 64 * 1024

/** The file with the token is read again every LOOK_EVERY_MS until it has a valid token, for up to TOKEN_WITHIN_MS. */
const TOKEN_WITHIN_MS = 1000
const LOOK_EVERY_MS = 100

/**
 * How long the sidecar may send nothing before the connection is closed. (The stream of changes has at least one line
 * every 10 s.) After this machine has slept, an answer may never come.
 */
const SILENT_AFTER_MS = 30_000
const IS_SILENT = 'it does not answer'

/** The part of a page's request that is forwarded to the sidecar. */
interface Forwarded {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Buffer | undefined
  /** Is aborted when the page has closed its connection. */
  readonly signal: AbortSignal
}

/** Forwards a request to `path` on the sidecar. Returns a failure if the caller has to answer the request instead. */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  asked: Asked,
  upstream: Upstream,
): Promise<Failure | undefined> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  try {
    const body = await bodyOf(request)
    if (body === 'too-large') return TOO_LARGE
    await untilStarted(upstream)
    const { method = 'GET', headers } = request
    const picks = picked(headers, REQUEST_HEADERS)
    const forwarded = { method, path, headers: picks, body, signal: gone.signal }
    const send = asked === 'data' ? askAsAdmin : ask
    const answer = await send(forwarded, upstream)
    if (!(answer instanceof IncomingMessage)) return answer
    setSafeHeaders(response, asked)
    passOn(answer, response)
  } catch (error) {
    if (gone.signal.aborted) return undefined
    upstream.unreachable()
    return notRunning(upstream, error as Error)
  }
  return undefined
}

/** The `code` of the failure if the sidecar has refused the token. */
export const TOKEN_REFUSED = 'admin-token-refused'

/**
 * Sends a GET request on behalf of the plugin itself. Rejects with an error whose message is for the developer. The
 * error has the `code` of the failure, if the plugin itself has found the failure.
 */
export async function readAsAdmin(
  path: string,
  upstream: Upstream,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  await untilStarted(upstream)
  const forwarded = { method: 'GET', path, headers: {}, body: undefined, signal }
  const answer = await askAsAdmin(forwarded, upstream).catch((error: Error) => {
    if (!signal.aborted) upstream.unreachable()
    return notRunning(upstream, error)
  })
  if (!(answer instanceof IncomingMessage))
    throw Object.assign(new Error(answer.message), { code: answer.code })
  if (answer.statusCode === 200) return answer
  answer.resume()
  throw new Error(`the sidecar has answered ${answer.statusCode} to GET ${path}`)
}

/**
 * Sends a request with the admin's token. If the sidecar refuses a token from runtime.json, waits for the next
 * token: the sidecar has a new token after each start and each reload of its code, and writes it into that file a
 * moment after it begins to listen.
 */
async function askAsAdmin(
  forwarded: Forwarded,
  upstream: Upstream,
): Promise<IncomingMessage | Failure> {
  const { signal } = forwarded
  let refused: string | undefined
  for (let left = TOKEN_WITHIN_MS; ; left -= LOOK_EVERY_MS) {
    const token = await upstream.adminToken()
    if (upstream.url === undefined) return notRunning(upstream)
    if (token !== undefined && token !== refused) {
      const answer = await ask(forwarded, upstream, token)
      if (!(answer instanceof IncomingMessage)) return answer
      const isOfDeveloper = token === upstream.token
      if (answer.statusCode !== 401 && !(isOfDeveloper && lacksScope(answer))) return answer
      answer.resume()
      if (isOfDeveloper) return tokenRefused(upstream)
      refused = token
    } else if (left > 0) await sleep(LOOK_EVERY_MS, undefined, { signal })
    else return token === undefined ? noToken(upstream) : tokenRefused(upstream)
  }
}

/**
 * Whether the sidecar has refused a token because it does not have the scope `admin`. The status 403 alone may also
 * mean that the sidecar does not allow the host of its own URL.
 */
function lacksScope({ statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 403 && headers['www-authenticate'] !== undefined
}

async function ask(
  { method, path, headers, body, signal }: Forwarded,
  upstream: Upstream,
  token?: string,
): Promise<IncomingMessage | Failure> {
  const { url } = upstream
  if (url === undefined) return notRunning(upstream)
  const authorization = token === undefined ? undefined : { authorization: `Bearer ${token}` }
  return await new Promise((resolve, reject) => {
    // Each request opens a connection of its own. The sidecar might close a kept-alive connection just as the
    // next request is sent on it.
    const options = { method, headers: { ...headers, ...authorization }, signal, agent: false }
    const open = url.startsWith('https:') ? openHttps : openHttp
    // Vite's proxy puts the path of a `target` before the path of a request, too.
    const full = new URL(url.replace(/\/$/, '') + path)
    const sent = open(full, options).once('response', resolve).once('error', reject)
    sent.setTimeout(SILENT_AFTER_MS, () => sent.destroy(new Error(IS_SILENT)))
    sent.end(body)
  })
}

/** Forwards each part of the answer at once, because the stream of changes never ends by itself. */
function passOn(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.statusCode ?? 502, picked(answer.headers, ANSWER_HEADERS))
  response.flushHeaders()
  answer.on('error', () => {}) // The event `close` follows.
  answer.once('close', () => {
    if (answer.complete) return
    // The sidecar has exited. A stream of JSON lines may end after any line, so this answer is ended normally, and
    // the page requests the stream again. Any other answer is incomplete, so its connection is destroyed, and the
    // page gets an error.
    const isStream = answer.headers['content-type']?.startsWith('application/x-ndjson')
    if (isStream) response.end()
    else response.destroy()
  })
  answer.pipe(response)
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined | 'too-large'> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size <= MAX_BODY_BYTES) parts.push(part)
  }
  if (size > MAX_BODY_BYTES) return 'too-large'
  return size === 0 ? undefined : Buffer.concat(parts)
}

function picked(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  names: readonly string[],
): Record<string, string> {
  const found = names.map((name) => [name, headers[name]])
  return Object.fromEntries(found.filter(([, value]) => typeof value === 'string'))
}

const TOO_LARGE: Failure = {
  status: 413,
  code: 'too-large',
  message: `the body of a request may have at most ${MAX_BODY_BYTES} bytes`,
}

function tokenRefused({ url, token }: Upstream): Failure {
  const message =
    token === undefined
      ? 'the sidecar has refused the token in its own runtime.json; restart it'
      : `the inspector needs a token with the scope admin, and the sidecar at ${url} has refused the option token`
  return { status: 502, code: TOKEN_REFUSED, message }
}

function notRunning({ problem }: Upstream, error?: Error): Failure {
  const why = problem ?? error?.message
  const rest = why === undefined ? "; see the terminal of Vite's dev server" : `: ${why}`
  return {
    status: 503,
    code: 'sidecar-not-running',
    message: `the signaling sidecar is not running${rest}`,
  }
}

function noToken({ url, isRemote }: Upstream): Failure {
  const instead = isRemote
    ? 'set the option token to one with the scope admin, or run "sidecar inspect" on the machine of the sidecar'
    : 'start that sidecar in this project\'s folder, or run "sidecar inspect" where it was started'
  return {
    status: 503,
    code: 'no-admin-token',
    message: `the inspector needs the runtime.json of the sidecar at ${url}, and this project has none; ${instead}`,
  }
}
