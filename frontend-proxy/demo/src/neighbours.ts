import { copyOf, part } from './dom.ts'
import { ask, fieldsOf, listIn, roomUrl } from './sidecar-http.ts'

/** Somebody who joins another sidecar's room is at another page: this need not be fast. */
const LOOK_EVERY_MS = 10_000
/** Others can announce what they like; a person reads no more. */
const MAX_SHOWN = 20

interface OthersRoom {
  readonly url: string
  readonly title: string
  readonly peers: number
  readonly where: string
}

/** Rooms of other sidecars on the LAN, as links. Asked for only while somebody can see them. */
export class Neighbours {
  readonly #root: HTMLElement
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(root: HTMLElement, until: AbortSignal) {
    this.#root = root
    document.addEventListener('visibilitychange', () => void this.#look(), { signal: until })
    until.addEventListener('abort', () => this.stop())
  }

  start(): void {
    if (this.#timer !== undefined) return
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS)
    void this.#look()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    if (this.#timer === undefined || document.hidden) return
    const answer = await ask('neighbours')
    if (answer === 'absent') this.stop()
    if (typeof answer === 'object') this.#show(roomsIn(answer.json))
  }

  #show(rooms: readonly OthersRoom[]): void {
    this.#root.hidden = rooms.length === 0
    part(this.#root, 'ul', HTMLUListElement).replaceChildren(...rooms.map(cardOf))
  }
}

function cardOf({ url, title, peers, where }: OthersRoom): HTMLElement {
  const item = copyOf('others-card')
  const link = part(item, 'a', HTMLAnchorElement)
  link.href = url
  link.dataset.count = String(peers)
  part(link, '.card-name', HTMLElement).textContent = title
  part(link, '.count', HTMLElement).textContent = `(${peers})`
  part(link, '.detail', HTMLElement).textContent = where
  return item
}

function roomsIn(json: unknown): OthersRoom[] {
  const neighbours = listIn(fieldsOf(json).neighbours).map(fieldsOf)
  return neighbours
    .flatMap(({ name, url, rooms }) =>
      listIn(rooms).flatMap((room) => othersRoom(fieldsOf(room), name, url) ?? []),
    )
    .slice(0, MAX_SHOWN)
}

function othersRoom(
  { roomId, name, peers }: Readonly<Record<string, unknown>>,
  whose: unknown,
  page: unknown,
): OthersRoom | undefined {
  if (typeof roomId !== 'string' || typeof peers !== 'number') return undefined
  const url = roomUrl(page, roomId)
  if (url === undefined) return undefined
  const where = typeof whose === 'string' && whose !== '' ? `${whose}, ${url.host}` : url.host
  return { url: url.href, title: typeof name === 'string' ? name : roomId, peers, where }
}
