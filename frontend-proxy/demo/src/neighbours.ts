import { copyOf, part } from './dom.ts'
import { fieldsOf, get, listIn, roomUrl } from './sidecar-http.ts'

/** How often the list is fetched: rarely, because it contains only links to the pages of other sidecars. */
const FETCH_EVERY_MS = 10_000
/** The maximum length of the list, because other machines can announce any number of rooms. */
const MAX_SHOWN = 20

interface OthersRoom {
  readonly url: string
  readonly title: string
  readonly peers: number
  readonly where: string
}

/** Shows links to the rooms of other sidecars on the LAN. The list is fetched only while it is visible. */
export class Neighbours {
  readonly #root: HTMLElement
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(root: HTMLElement, until: AbortSignal) {
    this.#root = root
    document.addEventListener('visibilitychange', () => void this.#fetch(), { signal: until })
    until.addEventListener('abort', () => this.stop())
  }

  start(): void {
    if (this.#timer !== undefined) return
    this.#timer = setInterval(() => void this.#fetch(), FETCH_EVERY_MS)
    void this.#fetch()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #fetch(): Promise<void> {
    if (this.#timer === undefined || document.hidden) return
    const answer = await get('neighbours')
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
