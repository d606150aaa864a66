import type {
  Mesh,
  MeshPeer,
  PeerState,
  SignalingClient,
} from 'vite-plugin-signaling-sidecar/browser'
import { Chat } from './chat.ts'
import { bindToggle, ownMedia } from './media.ts'
import { part } from './page.ts'
import { Tile } from './tile.ts'

const LABELS: Readonly<Record<PeerState, string>> = {
  connecting: 'connecting…',
  connected: 'connected',
  away: 'away',
  unconfirmed: 'not heard of…',
  failed: 'no way through, trying again',
}

/** The view of the room one is in. */
export class RoomView {
  readonly #root = part(document, '.room', HTMLElement)
  readonly #tiles = part(this.#root, '.tiles', HTMLUListElement)
  readonly #chat: Chat
  readonly #client: SignalingClient
  readonly #mesh: Mesh
  readonly #byPeer = new Map<string, Tile>()
  #self: Tile | undefined
  #ownName = ''
  #ownStream: MediaStream | undefined

  constructor(client: SignalingClient, mesh: Mesh, onLeave: () => void) {
    this.#client = client
    this.#mesh = mesh
    this.#chat = new Chat(part(this.#root, '.chat', HTMLElement), (text) => {
      mesh.send(text)
      this.#chat.say('You', text, true)
    })
    part(this.#root, '.danger', HTMLButtonElement).addEventListener('click', onLeave)
    this.#follow()
  }

  /** The client has been told to join. `ownName` may be empty. */
  show(room: string, ownName: string): void {
    this.#root.hidden = false
    this.#chat.clear()
    part(this.#root, 'h1', HTMLElement).textContent = room
    document.title = room
    const peerId = this.#client.peerId ?? ''
    this.#ownName = shownName(ownName, peerId)
    this.#self = new Tile(peerId, true)
    this.#tiles.replaceChildren(this.#self.element)
    this.#describeSelf()
    this.#countPeople()
    void this.#addMedia(room)
  }

  hide(): void {
    this.#root.hidden = true
    this.#self = undefined
    for (const track of this.#ownStream?.getTracks() ?? []) track.stop()
    this.#setOwnStream(undefined)
  }

  #follow(): void {
    const mesh = this.#mesh
    mesh.addEventListener('added', ({ detail }) => {
      const tile = new Tile(detail.peerId, false)
      this.#byPeer.set(detail.peerId, tile)
      this.#tiles.append(tile.element)
      describePeer(tile, detail)
      this.#countPeople()
      this.#chat.note(`${nameOf(detail)} ${detail.isNewcomer ? 'joined' : 'is here'}`)
    })
    mesh.addEventListener('changed', ({ detail }) => {
      const tile = this.#byPeer.get(detail.peerId)
      if (tile !== undefined) describePeer(tile, detail)
    })
    mesh.addEventListener('removed', ({ detail }) => {
      this.#byPeer.get(detail.peerId)?.element.remove()
      this.#byPeer.delete(detail.peerId)
      this.#countPeople()
      this.#chat.note(`${nameOf(detail)} left`)
    })
    mesh.addEventListener('stream', ({ detail }) => {
      this.#byPeer.get(detail.peerId)?.show(detail.stream)
    })
    mesh.addEventListener('message', ({ detail: { from, data } }) => {
      const author = mesh.peers.find(({ peerId }) => peerId === from)
      if (author !== undefined && typeof data === 'string') {
        this.#chat.say(nameOf(author), data, false)
      }
    })
    mesh.addEventListener('problem', ({ detail }) => console.warn(detail.peerId, detail.error))
    for (const name of ['peer_list', 'resumed', 'disconnected'] as const) {
      this.#client.addEventListener(name, () => this.#describeSelf())
    }
  }

  #describeSelf(): void {
    const isJoined = this.#client.joined
    const label = isJoined ? 'you' : 'you, reconnecting…'
    this.#self?.describe(this.#ownName, isJoined ? 'joined' : 'reconnecting', label)
  }

  #countPeople(): void {
    const others = this.#byPeer.size
    part(this.#root, '.pill', HTMLElement).textContent = String(others + 1)
    part(this.#root, '.waiting', HTMLElement).hidden = others > 0
  }

  async #addMedia(room: string): Promise<void> {
    const stream = await ownMedia()
    if (this.#root.hidden || this.#client.room !== room) {
      for (const track of stream?.getTracks() ?? []) track.stop()
    } else if (stream !== undefined) {
      this.#setOwnStream(stream)
    }
  }

  #setOwnStream(stream: MediaStream | undefined): void {
    this.#ownStream = stream
    this.#mesh.setStream(stream)
    this.#self?.show(stream)
    bindToggle(part(this.#root, '[data-testid=microphone]', HTMLButtonElement), 'audio', stream)
    bindToggle(part(this.#root, '[data-testid=camera]', HTMLButtonElement), 'video', stream)
  }
}

function nameOf({ peer }: Pick<MeshPeer, 'peer'>): string {
  return shownName(peer.name ?? '', peer.peerId)
}

function shownName(name: string, peerId: string): string {
  return name.trim() || `Guest ${peerId.slice(0, 4)}`
}

function describePeer(tile: Tile, peer: MeshPeer): void {
  tile.describe(nameOf(peer), peer.state, LABELS[peer.state])
}
