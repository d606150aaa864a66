import { warnOnce } from './default-url.ts'
import type { MeshEvents, MeshOptions, MeshPeer } from './mesh-events.ts'
import { MeshMembers } from './mesh-members.ts'
import { SignalingClient } from './signaling-client.ts'
import type { SignalingEvents, SignalingOptions } from './signaling-events.ts'
import { TypedEventTarget } from './typed-events.ts'

const CLOSED =
  'this mesh was closed, so it sends nothing. In React, create the mesh in the effect whose clean-up function closes it: ' +
  'StrictMode calls the clean-up once at the start, and a mesh from useState, useMemo or useRef is not created again.'

/**
 * How many meshes use a client. At 0, the last mesh has closed the client or is about to close it.
 */
const meshCounts = new WeakMap<SignalingClient, number>()

/**
 * The clients that were closed, by a mesh or by the page, while they were in a room. A client that
 * has left its room for another reason is not in this set.
 */
const closedInRoom = new WeakSet<EventTarget>()

/** Handles the event `left` of a client, also after its last mesh was closed. */
function onLeft({ target, detail }: CustomEvent<SignalingEvents['left']>): void {
  if (target === null) return
  if (detail.why === 'closed') closedInRoom.add(target)
  else closedInRoom.delete(target)
}

/**
 * Connects the page to every peer in the client's room with an RTCPeerConnection and a data
 * channel.
 *
 * When the last mesh of a client is closed, it closes the client. If the client was in a room when
 * the mesh or the page closed it, a later mesh of the same client joins that room again. React's
 * StrictMode closes a mesh and creates another one within one task. The other peers do not notice
 * that: a mesh closes its client in a later task, unless another mesh uses the client by then.
 */
export class Mesh extends TypedEventTarget<MeshEvents> {
  readonly client: SignalingClient
  readonly #members: MeshMembers
  readonly #isTraced: boolean
  readonly #subscriptions = new AbortController()

  /**
   * Connects to the peers in the room that the client is in, and in each room that it joins later.
   * `signaling` is a client, or the options for a client that the mesh creates.
   */
  constructor(signaling: SignalingClient | SignalingOptions, options: MeshOptions = {}) {
    super()
    // `instanceof SignalingClient` is false for a client from another copy of the module.
    const isClient = signaling instanceof EventTarget
    const client = isClient ? (signaling as SignalingClient) : new SignalingClient(signaling)
    this.client = client
    this.#isTraced = options.trace !== false
    this.#members = new MeshMembers(
      {
        client,
        iceServers: options.iceServers,
        isTraced: this.#isTraced,
        emit: (name, detail) => this.emit(name, detail),
      },
      options.stream,
    )
    this.#listen()
    const otherMeshes = meshCounts.get(client)
    meshCounts.set(client, (otherMeshes ?? 0) + 1)
    const isClosed = client.room === undefined && closedInRoom.has(client)
    if (otherMeshes === 0 && isClosed) client.join()
    // A client that reconnects still knows its peers. If it then resumes its session, it gets no list.
    if (client.joined || client.peers.size > 0) this.#onList()
  }

  /** The other peers, in the order in which they were added to the mesh. */
  get peers(): MeshPeer[] {
    return this.#members.all
  }

  /** Returns the RTCPeerConnection to a peer, for statistics and tests. Do not change it. */
  connectionTo(peerId: string): RTCPeerConnection | undefined {
    return this.#members.linkTo(peerId)?.connection
  }

  /**
   * Returns the data channel to a peer. Its `bufferedAmount` says how many bytes are still waiting
   * to be sent. If the mesh replaces the connection, it closes this channel and opens another one.
   * Do not change the channel.
   */
  channelTo(peerId: string): RTCDataChannel | undefined {
    return this.#members.linkTo(peerId)?.channel
  }

  /**
   * Sends data to one peer, or to all, and returns to how many peers it was sent. A peer that is
   * not connected now does not get the data later. If `RTCDataChannel.send` fails and no peer gets
   * the data, throws that error: the data is larger than 256 KiB, or the queue to the peer is full.
   */
  send(data: string | BufferSource, to?: string): number {
    if (this.#subscriptions.signal.aborted) warnOnce(CLOSED)
    return this.#members.send(data, to)
  }

  /**
   * Sends the tracks of this stream to all peers, also to later ones. `undefined` stops sending.
   */
  setStream(stream: MediaStream | undefined): void {
    this.#members.setStream(stream)
  }

  /**
   * Closes all RTCPeerConnections and stops listening to the client. The client is closed as well,
   * unless another mesh uses it or `keepClient` is true.
   */
  close({ keepClient = false }: { keepClient?: boolean | undefined } = {}): void {
    if (this.#subscriptions.signal.aborted) return
    this.#closeLinks()
    const otherMeshes = (meshCounts.get(this.client) ?? 1) - 1
    meshCounts.set(this.client, otherMeshes)
    if (otherMeshes > 0) return
    if (keepClient) meshCounts.delete(this.client)
    else setTimeout(() => meshCounts.get(this.client) === 0 && this.client.close())
  }

  protected override listenedTo(): void {
    if (!this.#subscriptions.signal.aborted) this.client.claim()
  }

  #listen(): void {
    const members = this.#members
    const { signal } = this.#subscriptions
    // `client.addEventListener` would call `claim`, as if the page had added these listeners.
    const listen: SignalingClient['addEventListener'] = EventTarget.prototype.addEventListener.bind(
      this.client,
    )
    listen('peer_list', () => this.#onList(), { signal })
    listen('resumed', () => members.resume(), { signal })
    listen('peer_joined', ({ detail }) => members.update(detail), { signal })
    listen('peer_updated', ({ detail }) => members.update(detail.peer), { signal })
    listen('peer_left', ({ detail }) => members.left(detail), { signal })
    listen('renamed', () => members.removeAll('renamed'), { signal })
    listen('left', ({ detail }) => members.removeAll(detail.why), { signal })
    listen('left', onLeft) // A second call for the same client has no effect.
    for (const kind of ['offer', 'answer', 'candidate'] as const) {
      listen(kind, ({ detail }) => members.receive(detail), { signal })
    }
    // When a page is unloaded, the browser does not tell the other peers that its
    // RTCPeerConnections are closed: they would see the page as connected for another 7 s.
    const onPageHide = ({ persisted }: PageTransitionEvent) => persisted || this.#closeLinks()
    globalThis.window?.addEventListener('pagehide', onPageHide, { signal })
  }

  #onList(): void {
    if (this.#isTraced) this.client.tracePage()
    this.#members.updateFromList([...this.client.peers.values()])
  }

  #closeLinks(): void {
    this.#subscriptions.abort()
    this.#members.removeAll('closed')
  }
}
