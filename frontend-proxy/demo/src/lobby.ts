import type { Room } from 'vite-plugin-signaling-sidecar/browser'
import { copyOf, part } from './page.ts'

/** Shown empty when nobody is in them, so that there is something to click at once. */
const SUGGESTED = ['bar', 'Gaming Zone', 'Study Hall']

const NAME_KEY = 'demo:name'

/** The view of all rooms, before one is joined. `onJoin` gets the room that was chosen; `until` ends the view. */
export class Lobby {
  readonly #root = part(document, '.lobby', HTMLElement)
  readonly #name = part(this.#root, '#name', HTMLInputElement)
  readonly #rooms = part(this.#root, '.rooms', HTMLUListElement)
  readonly #refusal = part(this.#root, '.refusal', HTMLElement)
  readonly #onJoin: (room: string) => void

  constructor(onJoin: (room: string) => void, until: AbortSignal) {
    this.#onJoin = onJoin
    this.#name.value = localStorage.getItem(NAME_KEY) ?? ''
    const remember = () => localStorage.setItem(NAME_KEY, this.name)
    this.#name.addEventListener('input', remember, { signal: until })
    const form = part(this.#root, '.new-room', HTMLFormElement)
    const room = part(form, '#room', HTMLInputElement)
    const open = (event: SubmitEvent) => {
      event.preventDefault()
      if (room.value.trim() === '') return
      onJoin(room.value.trim())
      form.reset()
    }
    form.addEventListener('submit', open, { signal: until })
    this.#rooms.replaceChildren()
    this.listRooms([])
  }

  get name(): string {
    return this.#name.value.trim()
  }

  show(refusal: string | undefined): void {
    this.#root.hidden = false
    this.#refusal.hidden = refusal === undefined
    this.#refusal.textContent = refusal ?? ''
    document.title = 'Rooms'
  }

  hide(): void {
    this.#root.hidden = true
  }

  listRooms(rooms: readonly Room[]): void {
    const known = new Set(rooms.map((room) => room.roomId))
    const empty = SUGGESTED.filter((roomId) => !known.has(roomId))
    const all = [
      ...[...rooms].sort((a, b) => b.peers - a.peers),
      ...empty.map((roomId) => ({ roomId, peers: 0, capacity: undefined })),
    ]
    // Cards are changed in place, so that the focus stays where it is when somebody else joins.
    const cards = new Map([...this.#rooms.children].map((item) => [idOf(item), item]))
    const items = all.map((room) => {
      const item = cards.get(room.roomId) ?? this.#newCard(room.roomId)
      describe(item, room)
      return item
    })
    const isSameOrder = items.every((item, index) => this.#rooms.children[index] === item)
    if (!isSameOrder || items.length !== cards.size) this.#rooms.replaceChildren(...items)
  }

  #newCard(roomId: string): HTMLElement {
    const item = copyOf('room-card')
    const button = part(item, 'button', HTMLButtonElement)
    button.dataset.room = roomId
    part(button, '.card-name', HTMLElement).textContent = roomId
    button.addEventListener('click', () => this.#onJoin(roomId))
    return item
  }
}

function idOf(item: Element): string {
  return part(item, 'button', HTMLButtonElement).dataset.room ?? ''
}

function describe(item: Element, { peers, capacity }: Pick<Room, 'peers' | 'capacity'>): void {
  const button = part(item, 'button', HTMLButtonElement)
  button.dataset.count = String(peers)
  const people = peers === 0 ? 'empty' : `${peers} ${peers === 1 ? 'person' : 'people'}`
  const isFull = capacity !== undefined && peers >= capacity
  part(button, '.count', HTMLElement).textContent = isFull ? `${people}, full` : people
}
