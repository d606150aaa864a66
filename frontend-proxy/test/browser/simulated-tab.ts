import { getEventListeners } from 'node:events'
import { Mesh, SignalingClient, type WebSocketClass } from '../../src/browser/index.ts'
import { FakePage } from './fake-page.ts'
import { FakePeerConnection } from './fake-peer-connection.ts'
import {
  type PageConnection,
  type PeerNetwork,
  type SimulatedPeerConnection,
  SimulatedWebSocket,
} from './simulated-network.ts'
import type { SimulatedSidecar } from './simulated-sidecar.ts'
import { WatchedEvents } from './watched-events.ts'

const url = 'ws://sidecar.test/ws/signaling'

export interface TabOptions {
  readonly name: string
  readonly sidecar: SimulatedSidecar
  readonly network: PeerNetwork
  /** Whether the app chooses the peer id, which is the name of the tab. */
  readonly hasChosenId: boolean
  readonly delayMs: number
}

/** A tab of a browser, with a page that connects to all others in its room. */
export class SimulatedTab implements PageConnection {
  readonly name: string
  readonly delayMs: number
  client!: SignalingClient
  mesh: Mesh | undefined
  room = 'bar'
  profileName = 'at first'
  isOnline = true
  losesNextAnswer = false
  /** What was wrong with the events of this tab's clients and meshes. */
  readonly wrongEvents: string[] = []
  /** Whether the client waits until nobody else has its peer id. */
  isWaitingForId = false
  readonly #options: TabOptions
  readonly #storage = new Map<string, string>()
  #page!: FakePage
  #sockets: SimulatedWebSocket[] = []
  #events!: WatchedEvents

  constructor(options: TabOptions) {
    this.#options = options
    this.name = options.name
    this.delayMs = options.delayMs
    this.#load()
  }

  run<Result>(code: () => Result): Result {
    return this.#page.run(code)
  }

  connectionTo(tab: SimulatedTab): SimulatedPeerConnection | undefined {
    const { peerId = '' } = tab.client
    return this.mesh?.connectionTo(peerId) as SimulatedPeerConnection | undefined
  }

  loseConnection(): void {
    for (const socket of this.#open) {
      socket.cut()
      this.run(() => socket.drop(1006))
    }
  }

  /** The page and the sidecar notice only later that they have lost the connection. */
  loseConnectionSilently(noticedAfterMs: number): void {
    for (const socket of this.#open) socket.cut(noticedAfterMs)
  }

  loseFrames(): void {
    for (const socket of this.#open) this.#options.sidecar.loseFrames(socket)
    this.loseConnection()
  }

  goOffline(noticedAfterMs: number): void {
    this.isOnline = false
    this.#options.network.unreachable.add(this.name)
    for (const socket of this.#open) {
      socket.cut(noticedAfterMs)
      this.run(() => socket.drop(1006))
    }
    this.#dispatch('offline')
  }

  goOnline(): void {
    if (this.isOnline) return
    this.isOnline = true
    this.findPeers()
    this.#dispatch('online')
  }

  /** The computer is asleep, so the page does not notice that it has lost all connections. */
  sleep(noticedAfterMs: number): void {
    this.goOffline(noticedAfterMs)
    this.#options.network.asleep.add(this.name)
  }

  wakeUp(): void {
    this.#options.network.asleep.delete(this.name)
    this.goOnline()
  }

  losePeers(): void {
    this.#options.network.unreachable.add(this.name)
  }

  findPeers(): void {
    if (this.isOnline) this.#options.network.unreachable.delete(this.name)
  }

  show(visibilityState: 'hidden' | 'visible'): void {
    this.#page.visibilityState = visibilityState
    this.#dispatch('visibilitychange')
  }

  closeMesh(): void {
    this.run(() => this.mesh?.close({ keepClient: true }))
    this.#events.meshIsClosed()
    this.mesh = undefined
  }

  openMesh(): void {
    const iceServers = [{ urls: this.name }]
    this.mesh ??= this.run(() => {
      const mesh = new Mesh(this.client, { trace: false, iceServers })
      this.#events.watchMesh(mesh)
      return mesh
    })
  }

  join(room = this.room): void {
    this.room = room
    this.run(() => this.client.join(room, this.#joinOptions))
  }

  leave(): void {
    this.run(() => this.client.leave())
  }

  rename(name: string): void {
    this.profileName = name
    this.run(() => this.client.update({ name }))
  }

  restartIce(): void {
    for (const connection of this.#connections) connection.restartIce()
  }

  reload(): void {
    this.#dispatch('pagehide')
    for (const socket of this.#open) socket.cut(0, 5_000)
    this.#endPage()
    this.#load()
  }

  /** The process of the page ends, without any event, and the tab loads the page again. */
  crash(): void {
    for (const socket of this.#open) socket.cut()
    for (const connection of this.#connections) connection.isClosedUnheard = true
    this.#endPage()
    this.#load()
  }

  /** The tab shows another page, and then this page again from the back/forward cache. */
  goBackAndForth(): void {
    this.#dispatch('pagehide', { persisted: true })
    const sockets = this.#open
    for (const socket of sockets) socket.cut(0, 5_000)
    this.#dispatch('pageshow', { persisted: true })
    for (const socket of sockets) this.run(() => socket.drop(1006))
  }

  endFaults(): void {
    this.losesNextAnswer = false
    this.wakeUp()
    this.findPeers()
    this.show('visible')
  }

  /** Closes this tab for good. */
  close(): void {
    this.closeMesh()
    this.run(() => this.client.close())
  }

  /** What listens to the page or to the client, apart from the slots and this simulation. */
  get listeners(): string[] {
    const left = (target: EventTarget, names: readonly string[]) =>
      names.filter((name) => getEventListeners(target, name).length > 0)
    return [
      ...left(this.#page, ['online', 'visibilitychange']),
      ...left(this.client, ['peer_updated', 'offer', 'answer', 'candidate']),
    ]
  }

  get #open(): SimulatedWebSocket[] {
    this.#sockets = this.#sockets.filter(({ readyState }) => readyState < 2)
    return this.#sockets.filter(({ readyState }) => readyState === 1)
  }

  get #connections(): SimulatedPeerConnection[] {
    const made = FakePeerConnection.made as SimulatedPeerConnection[]
    return made.filter(({ owner, isClosed }) => owner === this.name && !isClosed)
  }

  get #joinOptions() {
    return this.#options.hasChosenId ? { peerId: this.name } : {}
  }

  #load(): void {
    this.#page = new FakePage(this.#storage)
    this.mesh = undefined
    this.isWaitingForId = false
    this.#events = new WatchedEvents((wrong) => this.wrongEvents.push(`${this.name}: ${wrong}`))
    this.client = this.run(() => {
      const WebSocket = this.#webSocketClass()
      const { room, profileName: name } = this
      const client = new SignalingClient({ url, WebSocket, room, name, ...this.#joinOptions })
      this.#events.watchClient(client)
      this.#watchId(client)
      return client
    })
    this.openMesh()
  }

  #watchId(client: SignalingClient): void {
    client.addEventListener('waiting', ({ detail }) => {
      this.isWaitingForId = detail.code === 'id-taken'
    })
    for (const name of ['peer_list', 'resumed', 'left'] as const) {
      client.addEventListener(name, () => {
        this.isWaitingForId = false
      })
    }
  }

  #webSocketClass(): WebSocketClass {
    const [tab, { sidecar }] = [this, this.#options]
    return class extends SimulatedWebSocket {
      constructor(to: string) {
        super(to, tab, sidecar)
        tab.#sockets.push(this)
      }
    }
  }

  /** Stops all code of the page. Its sockets must be cut already. */
  #endPage(): void {
    this.#events.stop()
    this.mesh?.close({ keepClient: true })
    this.client.close()
  }

  #dispatch(name: string, fields: object = {}): void {
    this.run(() => this.#page.dispatchEvent(Object.assign(new Event(name), fields)))
  }
}
