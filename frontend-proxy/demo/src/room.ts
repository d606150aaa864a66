import type {
  Mesh,
  MeshEvents,
  MeshPeer,
  PeerState,
  SignalingClient,
} from 'vite-plugin-signaling-sidecar/browser'
import { Chat } from './chat.ts'
import { part } from './dom.ts'
import { OwnMedia } from './media.ts'
import { PhonePanel } from './phone.ts'
import { Tile } from './tile.ts'

type MeshEvent<Name extends keyof MeshEvents> = CustomEvent<MeshEvents[Name]>

/**
 * On a narrow screen, such as that of a phone, the QR code stays closed. The minimum width is the same as in
 * room.css.
 */
const IS_WIDE = matchMedia('(min-width: 821px)')

const LABELS: Readonly<Record<PeerState, string>> = {
  connecting: 'connecting…',
  connected: 'connected',
  away: 'away',
  unconfirmed: 'may have left…',
  failed: 'connection failed, retrying…',
}

/** The view of the room that the client is in. */
export class RoomView {
  readonly #root = part(document, '.room', HTMLElement)
  readonly #tiles = part(this.#root, '.tiles', HTMLUListElement)
  readonly #phone = new PhonePanel(part(this.#root, '.phone', HTMLElement))
  readonly #chat: Chat
  readonly #media: OwnMedia
  readonly #client: SignalingClient
  readonly #mesh: Mesh
  readonly #byPeer = new Map<string, Tile>()
  #self: Tile | undefined
  #ownName = ''

  constructor(client: SignalingClient, mesh: Mesh, onLeave: () => void, until: AbortSignal) {
    this.#client = client
    this.#mesh = mesh
    const send = (text: string) => {
      mesh.send(text)
      this.#chat.add('You', text, true)
    }
    this.#chat = new Chat(part(this.#root, '.chat', HTMLElement), send, until)
    const showOwn = (stream: MediaStream | undefined) => {
      mesh.setStream(stream)
      this.#self?.show(stream)
    }
    const showProblem = (text: string) => this.#chat.note(text)
    this.#media = new OwnMedia(this.#root, showOwn, showProblem, until)
    const leave = part(this.#root, '.danger', HTMLButtonElement)
    leave.addEventListener('click', onLeave, { signal: until })
    this.#follow(until)
  }

  get ownStream(): MediaStream | undefined {
    return this.#media.stream
  }

  /** Must be called after the client has begun to join. `ownName` may be empty. */
  show(room: string, ownName: string): void {
    this.#chat.clear()
    this.#begin(room, ownName)
    this.#media.start()
  }

  /**
   * Shows the room that the page was already in when Vite replaced this module, the room's peers, and `ownStream`.
   */
  takeOver(room: string, ownName: string, ownStream: MediaStream | undefined): void {
    this.#begin(room, ownName)
    for (const peer of this.#mesh.peers) this.#add(peer)
    this.#media.start(ownStream)
  }

  hide(): void {
    this.#root.hidden = true
    this.#self = undefined
    this.#media.stop()
  }

  #begin(room: string, ownName: string): void {
    this.#root.hidden = false
    part(this.#root, 'h1', HTMLElement).textContent = room
    document.title = room
    this.#phone.show(room)
    const peerId = this.#client.peerId ?? ''
    this.#ownName = shownName(ownName, peerId)
    this.#self = new Tile(peerId, true)
    this.#tiles.replaceChildren(this.#self.element)
    this.#describeSelf()
    this.#countPeople()
  }

  #add(peer: MeshPeer): void {
    const tile = new Tile(peer.peerId, false)
    this.#byPeer.set(peer.peerId, tile)
    this.#tiles.append(tile.element)
    tile.show(peer.stream)
    describePeer(tile, peer)
    this.#countPeople()
  }

  #follow(until: AbortSignal): void {
    const mesh = this.#mesh
    const options = { signal: until }
    const added = ({ detail }: MeshEvent<'added'>) => {
      this.#add(detail)
      this.#chat.note(`${nameOf(detail)} ${detail.isNewcomer ? 'joined' : 'is here'}`)
    }
    const changed = ({ detail }: MeshEvent<'changed'>) => {
      const tile = this.#byPeer.get(detail.peerId)
      if (tile !== undefined) describePeer(tile, detail)
    }
    const removed = ({ detail }: MeshEvent<'removed'>) => {
      this.#byPeer.get(detail.peerId)?.element.remove()
      this.#byPeer.delete(detail.peerId)
      this.#countPeople()
      this.#chat.note(`${nameOf(detail)} left`)
    }
    const heard = ({ detail: { from, data } }: MeshEvent<'message'>) => {
      const author = mesh.peers.find(({ peerId }) => peerId === from)
      if (author !== undefined && typeof data === 'string') {
        this.#chat.add(nameOf(author), data, false)
      }
    }
    mesh.addEventListener('added', added, options)
    mesh.addEventListener('changed', changed, options)
    mesh.addEventListener('removed', removed, options)
    mesh.addEventListener('message', heard, options)
    mesh.addEventListener(
      'stream',
      ({ detail }) => this.#byPeer.get(detail.peerId)?.show(detail.stream),
      options,
    )
    mesh.addEventListener(
      'problem',
      ({ detail }) => console.warn(detail.peerId, detail.error),
      options,
    )
    this.#client.addEventListener(
      'notice',
      ({ detail }) => this.#chat.note(`Notice: ${detail.text}`),
      options,
    )
    for (const name of ['peer_list', 'resumed', 'disconnected'] as const) {
      this.#client.addEventListener(name, () => this.#describeSelf(), options)
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
    this.#phone.isOpen = others === 0 && IS_WIDE.matches
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
