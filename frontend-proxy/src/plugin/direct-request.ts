import { once } from 'node:events'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { text } from 'node:stream/consumers'

/** The answer to a request, after all of it has arrived. */
export interface Answer {
  readonly status: number
  readonly text: string
}

/**
 * Sends a request to a sidecar on this machine. Rejects with Node's error if there is no complete answer.
 *
 * `fetch` is not used: with the variables HTTP_PROXY and NODE_USE_ENV_PROXY, it also sends requests for this
 * machine to the proxy, which cannot answer them, and which would learn the admin's token.
 */
export async function requestDirectly(
  url: URL,
  options: RequestOptions,
  body?: string,
): Promise<Answer> {
  // Only the default agent uses the proxy.
  const sent = request(url, { ...options, agent: false }).end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  sent.on('error', () => {}) // The answer has the same error.
  return { status: answer.statusCode ?? 0, text: await text(answer) }
}
