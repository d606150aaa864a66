// Sends updates from the sidecar to the overlays (the badges) of the pages, over the WebSocket of Vite's client.

import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ViteDevServer, WebSocketClient } from 'vite'
import { object, parseObject } from '../browser/untrusted-json.ts'
import { UPDATE, type Update, WATCH } from '../overlay/messages.ts'
import type { Inspector } from './inspector.ts'
import { TOKEN_REFUSED } from './inspector-forward.ts'
import type { Log } from './log.ts'
import { messageOf } from './warn-on-error.ts'

const CHANGES = 'inspector/changes'
const RETRY_MS = 2_000
/**
 * The pause after the sidecar has refused the token. It is long, because each refusal leaves fewer tries to the other
 * clients that have the same IP address, for example in the same office.
 */
const REFUSED_MS = 10_000

type Socket = WebSocketClient['socket']

/** Sends updates to the pages that ask for them, if they may see the inspector. */
export function feedOverlays({ config, ws }: ViteDevServer, inspector: Inspector, log: Log): void {
  // The page can show no error without the WebSocket of Vite's client, so the terminal shows the error.
  if (config.server.ws === false) {
    log.warn(
      'overlay: true shows nothing, because server.ws: false turns off the WebSocket that it needs',
    )
    return
  }
  const feed = new OverlayFeed(inspector)
  const requests = new WeakMap<Socket, IncomingMessage>()
  ws.on('connection', (socket: Socket, request: IncomingMessage) => {
    requests.set(socket, request)
    socket.once('close', () => feed.remove(socket))
  })
  ws.on(WATCH, (wish: unknown, client) => {
    const request = requests.get(client.socket)
    if (request === undefined) return
    const refusal = inspector.refusalOf(request, 'socket')
    if (refusal !== undefined) client.send(UPDATE, unavailable(refusal.message))
    else if (object(wish)?.isWatching === true) feed.add(client)
    else feed.remove(client.socket)
  })
}

/** Reads the changes from the sidecar while at least one page wants updates. */
class OverlayFeed {
  readonly #inspector: Inspector
  readonly #watchers = new Map<Socket, WebSocketClient>()
  #last: Update | undefined
  #reading: AbortController | undefined

  constructor(inspector: Inspector) {
    this.#inspector = inspector
  }

  add(client: WebSocketClient): void {
    this.#watchers.set(client.socket, client)
    if (this.#last !== undefined) client.send(UPDATE, this.#last)
    if (this.#reading !== undefined) return
    this.#reading = new AbortController()
    void this.#read(this.#reading.signal)
  }

  remove(socket: Socket): void {
    this.#watchers.delete(socket)
    if (this.#watchers.size > 0) return
    this.#reading?.abort()
    this.#reading = undefined
    this.#last = undefined
  }

  async #read(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pauseMs = RETRY_MS
      try {
        await this.#readStream(signal)
      } catch (error) {
        if (!signal.aborted) this.#tell(unavailable(reasonOf(error)))
        if (codeOf(error) === TOKEN_REFUSED) pauseMs = REFUSED_MS
      }
      await sleep(pauseMs, undefined, { signal }).catch(() => {}) // `remove` has aborted this sleep.
    }
  }

  async #readStream(signal: AbortSignal): Promise<void> {
    const answer = await this.#inspector.read(CHANGES, signal)
    let rest = ''
    for await (const part of answer.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + part).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#tell(this.#updateFrom(line))
    }
  }

  #tell(update: Update): void {
    this.#last = update
    for (const client of this.#watchers.values()) client.send(UPDATE, update)
  }

  #updateFrom(line: string): Update {
    const { rooms, hints } = parseObject(line) ?? {}
    if (!Array.isArray(rooms) || !Array.isArray(hints))
      return unavailable(`the sidecar has sent this line: ${line}`)
    return { inspector: this.#inspector.path, rooms, hints }
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

function reasonOf(error: unknown): string {
  // Node's own message is only "aborted".
  return codeOf(error) === 'ECONNRESET'
    ? 'the connection to the sidecar was lost'
    : messageOf(error)
}

/**
 * Returns an update with a reason instead of data. The reason is a whole sentence, but `message` begins with a
 * small letter and has no full stop, because the terminal shows it after a prefix.
 */
function unavailable(message: string): Update {
  return { reason: `${message.charAt(0).toUpperCase()}${message.slice(1)}.` }
}
