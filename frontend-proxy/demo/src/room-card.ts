import type { Room } from 'vite-plugin-signaling-sidecar/browser'
import { copyOf, part } from './dom.ts'

/** A room as the lobby shows it. A room that does not exist yet has no `createdAt`. */
export type Listed = Pick<Room, 'roomId' | 'peers'> & Partial<Room>

/** Creates a card that links to the room. */
export function roomCard(roomId: string, onJoin: (roomId: string) => void): HTMLElement {
  const item = copyOf('room-card')
  const link = part(item, 'a', HTMLAnchorElement)
  link.dataset.room = roomId
  link.href = `?${new URLSearchParams({ room: roomId })}`
  link.addEventListener('click', (event) => {
    // If one of these keys is pressed during the click, the browser opens the link in another tab or window.
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    onJoin(roomId)
  })
  return item
}

export function roomIdOf(item: Element): string {
  return part(item, 'a', HTMLAnchorElement).dataset.room ?? ''
}

/** Writes "Gaming Zone (2)" and, below it, "room for 6 more, open for 12 min". */
export function describe(item: Element, room: Listed): void {
  const link = part(item, 'a', HTMLAnchorElement)
  link.dataset.count = String(room.peers)
  part(link, '.card-name', HTMLElement).textContent = room.name ?? room.roomId
  part(link, '.count', HTMLElement).textContent = room.peers === 0 ? '' : `(${room.peers})`
  part(link, '.detail', HTMLElement).textContent = detailOf(room)
}

function detailOf({ peers, capacity, createdAt }: Listed): string {
  if (createdAt === undefined) return peers === 0 ? 'nobody yet' : ''
  const free = capacity === undefined ? undefined : Math.max(0, capacity - peers)
  const capacityText = free === undefined ? '' : free === 0 ? 'full, ' : `room for ${free} more, `
  return `${peers === 0 ? 'empty, ' : capacityText}open ${durationOf(Date.now() - createdAt)}`
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** `ms` can be negative, because a phone's clock may be behind the sidecar's. */
function durationOf(ms: number): string {
  if (ms < MINUTE_MS) return 'for less than a minute'
  if (ms < HOUR_MS) return `for ${Math.floor(ms / MINUTE_MS)} min`
  return ms < DAY_MS ? `for ${Math.floor(ms / HOUR_MS)} h` : `for ${Math.floor(ms / DAY_MS)} d`
}
