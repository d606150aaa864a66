import './style.css'
import { type LeaveReason, Mesh, SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
import { part } from './dom.ts'
import { offerHelp } from './help.ts'
import { showHints } from './hints.ts'
import { Lobby } from './lobby.ts'
import { RoomView } from './room.ts'

declare global {
  interface Window {
    /** For tests and the console; only there while developing. */
    demo?: { client: SignalingClient; mesh: Mesh }
  }
}

/** What goes on when a saved module replaces this one: nobody in the room notices an edit. */
interface Session {
  readonly client: SignalingClient
  readonly mesh: Mesh
  readonly ownStream: MediaStream | undefined
}

const before: Session | undefined = import.meta.hot?.data.session
const client = before?.client ?? new SignalingClient()
const mesh = before?.mesh ?? new Mesh(client)
const replaced = new AbortController()
const options = { signal: replaced.signal }
const lobby = new Lobby((room) => {
  history.pushState(null, '', `?${new URLSearchParams({ room })}`)
  followUrl()
}, replaced.signal)
showHints(client, replaced.signal)
offerHelp(client, mesh, replaced.signal)
const roomView = new RoomView(client, mesh, leave, replaced.signal)
if (import.meta.env.DEV) window.demo = { client, mesh }
import.meta.hot?.accept()
import.meta.hot?.dispose((data) => {
  replaced.abort()
  data.session = { client, mesh, ownStream: roomView.ownStream } satisfies Session
})

function leave(): void {
  history.pushState(null, '', location.pathname)
  followUrl()
}

/** The address says where we are: `?room=bar` in that room, else in the lobby. */
function followUrl(refusal?: string): void {
  const room = new URLSearchParams(location.search).get('room')
  if (room !== null && room === client.room) return
  roomView.hide()
  if (room === null) {
    client.leave()
    client.watchRooms()
    lobby.show(refusal)
  } else {
    client.unwatchRooms()
    client.update({ name: lobby.name })
    client.join(room)
    lobby.hide()
    roomView.show(room, lobby.name)
  }
}

const DISMISSALS: Partial<Record<LeaveReason, string>> = {
  replaced: 'This room is open in another tab with the same identity.',
  removed: 'You were removed from the room.',
}

/** Out of the room without having asked for it. */
function backToLobby(why: string): void {
  history.replaceState(null, '', location.pathname)
  followUrl(why)
}

const banner = part(document, '.banner', HTMLElement)
const say = (text: string) => {
  banner.hidden = text === ''
  banner.textContent = text
}
client.addEventListener('connected', () => say(''), options)
client.addEventListener(
  'disconnected',
  ({ detail }) => say(detail.final ? '' : 'Reconnecting… calls and chat go on.'),
  options,
)
client.addEventListener('reconnecting', () => say(banner.textContent || 'Connecting…'), options)
client.addEventListener('rooms', ({ detail }) => lobby.listRooms(detail), options)
client.addEventListener(
  'left',
  ({ detail }) => {
    const reason = DISMISSALS[detail.why]
    if (reason !== undefined) backToLobby(reason)
  },
  options,
)
client.addEventListener(
  'refused',
  ({ detail }) => {
    if (detail.room !== undefined) backToLobby(`Not joined: ${detail.message}`)
  },
  options,
)
window.addEventListener('popstate', () => followUrl(), options)
if (before !== undefined && client.room !== undefined) {
  roomView.takeOver(client.room, lobby.name, before.ownStream)
} else {
  followUrl()
}
