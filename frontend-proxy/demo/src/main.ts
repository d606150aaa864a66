import './base.css'
import './lobby.css'
import './room.css'
import './chat.css'
import { type LeaveReason, Mesh, SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
import { part } from './dom.ts'
import { showHelpLink } from './help.ts'
import { showHints } from './hints.ts'
import { Lobby } from './lobby.ts'
import { RoomView } from './room.ts'

declare global {
  interface Window {
    /** Gives tests and the browser's console access to the client and the mesh. Set only in development. */
    demo?: { client: SignalingClient; mesh: Mesh }
  }
}

/**
 * The state that this module passes to its new version when Vite replaces it, so that the page stays in its room.
 */
interface HandedOver {
  readonly client: SignalingClient
  readonly mesh: Mesh
  readonly ownStream: MediaStream | undefined
}

const before: HandedOver | undefined = import.meta.hot?.data.handedOver
const client = before?.client ?? new SignalingClient()
const mesh = before?.mesh ?? new Mesh(client)
const replaced = new AbortController()
const options = { signal: replaced.signal }
const lobby = new Lobby((room) => {
  history.pushState(null, '', `?${new URLSearchParams({ room })}`)
  followUrl()
}, replaced.signal)
showHints(client, replaced.signal)
showHelpLink(client, mesh, replaced.signal)
const roomView = new RoomView(client, mesh, leave, replaced.signal)
if (import.meta.env.DEV) window.demo = { client, mesh }
import.meta.hot?.accept()
import.meta.hot?.dispose((data) => {
  replaced.abort()
  data.handedOver = { client, mesh, ownStream: roomView.ownStream } satisfies HandedOver
})

function leave(): void {
  history.pushState(null, '', location.pathname)
  followUrl()
}

/** Shows the view for the page's URL: the room `bar` for `?room=bar`, and otherwise the lobby. */
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
  replaced: 'Another page has joined this room with the same peer id.',
  removed: 'You were removed from the room.',
}

/** Returns to the lobby, because the client is no longer in its room. The lobby shows `why`. */
function backToLobby(why: string): void {
  history.replaceState(null, '', location.pathname)
  followUrl(why)
}

const banner = part(document, '.banner', HTMLElement)
const showBanner = (text: string) => {
  banner.hidden = text === ''
  banner.textContent = text
}
client.addEventListener('connected', () => showBanner(''), options)
client.addEventListener(
  'disconnected',
  ({ detail }) => showBanner(detail.final ? '' : 'Reconnecting… Calls and chat continue.'),
  options,
)
client.addEventListener(
  'reconnecting',
  () => showBanner(banner.textContent || 'Connecting…'),
  options,
)
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
    if (detail.room !== undefined) backToLobby(`Could not join: ${detail.message}`)
  },
  options,
)
window.addEventListener('popstate', () => followUrl(), options)
if (before !== undefined && client.room !== undefined) {
  roomView.takeOver(client.room, lobby.name, before.ownStream)
} else {
  followUrl()
}
