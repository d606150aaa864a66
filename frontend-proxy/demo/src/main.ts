import './style.css'
import { type LeaveReason, Mesh, SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
import { Lobby } from './lobby.ts'
import { part } from './page.ts'
import { RoomView } from './room.ts'

declare global {
  interface Window {
    /** For tests and the console; only there while developing. */
    demo?: { client: SignalingClient; mesh: Mesh }
  }
}

const client = new SignalingClient()
const mesh = new Mesh(client)
const lobby = new Lobby((room) => {
  history.pushState(null, '', `?${new URLSearchParams({ room })}`)
  followUrl()
})
const roomView = new RoomView(client, mesh, () => {
  history.pushState(null, '', location.pathname)
  followUrl()
})
if (import.meta.env.DEV) window.demo = { client, mesh }

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
client.addEventListener('connected', () => {
  banner.hidden = true
})
client.addEventListener('disconnected', ({ detail }) => {
  banner.hidden = detail.final
  banner.textContent = 'Reconnecting… calls and chat go on.'
})
client.addEventListener('reconnecting', () => {
  banner.hidden = false
  banner.textContent ||= 'Connecting…'
})
client.addEventListener('rooms', ({ detail }) => lobby.listRooms(detail))
client.addEventListener('left', ({ detail }) => {
  const reason = DISMISSALS[detail.why]
  if (reason !== undefined) backToLobby(reason)
})
client.addEventListener('refused', ({ detail }) => {
  if (detail.room !== undefined) backToLobby(`Not joined: ${detail.message}`)
})
window.addEventListener('popstate', () => followUrl())
followUrl()
