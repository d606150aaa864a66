/** A model of the network between pages, and between each page and the sidecar. */

import { FakePeerConnection } from './fake-peer-connection.ts'
import { FakeWebSocket } from './fake-web-socket.ts'
import type { ClientConnection, SidecarFrame } from './simulated-session.ts'
import type { SimulatedSidecar } from './simulated-sidecar.ts'

/** If nothing has arrived for this time, a browser changes the state: to `disconnected`, to `failed`. */
const DISCONNECTED_AFTER_MS = 5_000
const FAILED_AFTER_MS = 25_000

/** An RTCPeerConnection that a `PeerNetwork` connects with another one. */
export class SimulatedPeerConnection extends FakePeerConnection {
  readonly owner: string
  /** The other end. Undefined until the two ends have negotiated with each other. */
  other: SimulatedPeerConnection | undefined
  /** True if this end was closed while no message could reach the other end. */
  isClosedUnheard = false
  #unreachedSince: number | undefined
  #failedWith: string | undefined

  /**
   * A page passes its name as the URL of an ICE server. (The current page may be another one, because
   * a mesh creates connections from timers, too.)
   */
  constructor({ iceServers = [] }: RTCConfiguration) {
    super()
    this.owner = String(iceServers[0]?.urls)
  }

  get isClosed(): boolean {
    return this.signalingState === 'closed'
  }

  hasNegotiatedWith(peer: SimulatedPeerConnection): boolean {
    const [mine, its] = [this.currentLocalDescription, peer.currentLocalDescription]
    if (mine === null || its === null) return false
    return (
      mine.sdp === peer.currentRemoteDescription?.sdp &&
      its.sdp === this.currentRemoteDescription?.sdp
    )
  }

  reached(): void {
    this.#unreachedSince = undefined
    // A connection that has failed stays so until the next negotiation.
    const hasFailed = this.#failedWith === this.remoteDescription?.sdp
    if (!hasFailed && this.connectionState !== 'connected') this.become('connected')
  }

  /** Must be called when the peer has closed its end, and this end has got the message. */
  closedByPeer(): void {
    if (this.channel.readyState !== 'open') return
    this.channel.readyState = 'closed'
    this.channel.onclose?.()
  }

  restarting(): void {
    this.#unreachedSince = undefined
  }

  unreached(): void {
    this.#unreachedSince ??= Date.now()
    const ms = Date.now() - this.#unreachedSince
    if (ms > FAILED_AFTER_MS) {
      this.#failedWith = this.remoteDescription?.sdp
      this.become('failed')
    } else if (ms > DISCONNECTED_AFTER_MS && this.connectionState === 'connected') {
      this.become('disconnected')
    }
  }

  protected override sdp(type: 'offer' | 'answer', number: number): string {
    return `${super.sdp(type, number)} of ${FakePeerConnection.made.indexOf(this)}`
  }
}

/** Connects the RTCPeerConnections that have negotiated with each other. */
export class PeerNetwork {
  /** The names of the pages that no other page can reach. */
  readonly unreachable = new Set<string>()
  /** The names of the pages whose connections stay as they are, whatever happens to them. */
  readonly asleep = new Set<string>()

  /** Updates the state of each connection. Must be called at short intervals. */
  update(): void {
    const made = FakePeerConnection.made as SimulatedPeerConnection[]
    const open = made.filter(({ isClosed }) => !isClosed)
    for (const one of open) {
      if (!one.isClosed && !this.asleep.has(one.owner)) this.#update(one, open)
    }
  }

  #update(one: SimulatedPeerConnection, open: SimulatedPeerConnection[]): void {
    const match = open.find((peer) => peer !== one && peer.hasNegotiatedWith(one))
    one.other = match ?? one.other
    const { other } = one
    if (other === undefined) return
    const isReachable = ![one, other].some(({ owner }) => this.unreachable.has(owner))
    if (other.isClosed && !isReachable) other.isClosedUnheard = true
    const wasUp = one.connectionState === 'connected' || one.connectionState === 'disconnected'
    if (match !== undefined && !match.isClosed && isReachable) one.reached()
    else if (!wasUp) return
    else if (!isReachable || other.isClosedUnheard) one.unreached()
    else if (other.isClosed) one.closedByPeer()
    else one.restarting()
  }
}

/** A WebSocket between a page and the sidecar. */
export class SimulatedWebSocket extends FakeWebSocket implements ClientConnection {
  /** True if nothing passes any more, although this end may not have noticed that. */
  isCut = false
  /** Whether the sidecar has closed this WebSocket, so it ignores all further frames. */
  #isEnded = false
  readonly #sidecar: SimulatedSidecar
  readonly #page: PageConnection

  constructor(url: string, page: PageConnection, sidecar: SimulatedSidecar) {
    super(url)
    this.#page = page
    this.#sidecar = sidecar
    setTimeout(() => this.#connect(), 2 * page.delayMs)
  }

  override send(text: string): void {
    if (this.readyState !== 1) return
    this.#later(() => this.#isEnded || this.#sidecar.receive(this, JSON.parse(text)))
  }

  override close(): void {
    if (this.readyState === 3) return
    super.close()
    this.#later(() => this.#sidecar.ended(this))
  }

  post(frame: SidecarFrame): void {
    const isAnswer = frame.type === 'peer_list' || frame.type === 'resumed'
    if (isAnswer && this.#page.losesNextAnswer) {
      this.#page.losesNextAnswer = false
      this.cut()
      this.#page.run(() => this.drop(1006))
    } else {
      this.#later(() => this.readyState === 1 && this.#page.run(() => this.deliver(frame)))
    }
  }

  end(code: number, reason: string): void {
    this.#isEnded = true
    this.#later(() => this.#page.run(() => this.drop(code, reason)))
  }

  /** Ends the transport. The sidecar notices that after a delay, and this end not at all. */
  cut(noticedAfterMs = 0, graceMs?: number): void {
    this.isCut = true
    setTimeout(() => this.#sidecar.ended(this, graceMs), noticedAfterMs)
  }

  override drop(code: number, reason = ''): void {
    if (this.readyState !== 3) super.drop(code, reason)
  }

  #connect(): void {
    if (this.readyState !== 0) return
    this.#page.run(() => {
      if (this.#page.isOnline && this.#sidecar.isUp) this.open()
      else this.drop(1006)
    })
  }

  #later(act: () => void): void {
    setTimeout(() => this.isCut || act(), this.#page.delayMs)
  }
}

/** What a `SimulatedWebSocket` must know of its page. */
export interface PageConnection {
  readonly isOnline: boolean
  /** How long a frame is on its way. It must not change while a WebSocket is open. */
  readonly delayMs: number
  /** Whether the connection breaks before the sidecar's next answer to a join arrives. */
  losesNextAnswer: boolean
  /** Runs code as a part of the page. */
  run(code: () => void): void
}
