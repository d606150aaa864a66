import { deviceName, type Room } from 'vite-plugin-signaling-sidecar/browser'
import { part } from './dom.ts'
import { Neighbours } from './neighbours.ts'
import { PhonePanel } from './phone.ts'
import { describe, roomCard, roomIdOf } from './room-card.ts'

/** The lobby shows these rooms even if they are empty, so that a new user can join one at once. */
const SUGGESTED = ['bar', 'Gaming Zone', 'Study Hall']

const NAME_KEY = 'demo:name'
/** How often the cards are updated. (Each card shows for how many minutes its room has been open.) */
const DESCRIBE_EVERY_MS = 20_000

/**
 * The view that lists the rooms, and in which the user joins a room. When `until` is aborted, the view removes its
 * listeners.
 */
export class Lobby {
  readonly #root = part(document, '.lobby', HTMLElement)
  readonly #name = part(this.#root, '#name', HTMLInputElement)
  readonly #list = part(this.#root, '.rooms', HTMLUListElement)
  readonly #refusal = part(this.#root, '.refusal', HTMLElement)
  readonly #phone = new PhonePanel(part(this.#root, '.phone', HTMLElement))
  readonly #neighbours: Neighbours
  readonly #onJoin: (room: string) => void
  #rooms: readonly Room[] = []

  constructor(onJoin: (room: string) => void, until: AbortSignal) {
    this.#onJoin = onJoin
    this.#name.value = localStorage.getItem(NAME_KEY) ?? deviceName()
    const remember = () => localStorage.setItem(NAME_KEY, this.#name.value.trim())
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
    this.#neighbours = new Neighbours(part(this.#root, '.elsewhere', HTMLElement), until)
    this.#list.replaceChildren()
    this.listRooms([])
    const timer = setInterval(() => this.listRooms(this.#rooms), DESCRIBE_EVERY_MS)
    until.addEventListener('abort', () => clearInterval(timer))
  }

  /** The user's name. It is never empty. */
  get name(): string {
    return this.#name.value.trim() || deviceName()
  }

  show(refusal: string | undefined): void {
    this.#root.hidden = false
    this.#refusal.hidden = refusal === undefined
    this.#refusal.textContent = refusal ?? ''
    document.title = 'Rooms'
    this.#phone.show(undefined)
    this.#neighbours.start()
  }

  hide(): void {
    this.#root.hidden = true
    this.#neighbours.stop()
  }

  listRooms(rooms: readonly Room[]): void {
    this.#rooms = rooms
    const known = new Set(rooms.map((room) => room.roomId))
    const suggested = SUGGESTED.filter((roomId) => !known.has(roomId))
    const all = [
      ...[...rooms].sort((a, b) => b.peers - a.peers),
      ...suggested.map((roomId) => ({ roomId, peers: 0 })),
    ]
    // Existing cards are updated, not replaced, so that a card keeps the focus.
    const cards = new Map([...this.#list.children].map((item) => [roomIdOf(item), item]))
    const items = all.map((room) => {
      const item = cards.get(room.roomId) ?? roomCard(room.roomId, this.#onJoin)
      describe(item, room)
      return item
    })
    const isSameOrder = items.every((item, index) => this.#list.children[index] === item)
    if (!isSameOrder || items.length !== cards.size) this.#list.replaceChildren(...items)
  }
}
