/**
 * A connection to every peer of the client's room.
 *
 * This file owns who is in the mesh:
 *
 * 1. Signaling is not the call. That it was lost, or is back, neither closes nor offers again a
 *    pair that is connected.
 * 2. Whoever learns of a peer from its own `peer_list` makes the offer; whoever is told of a
 *    newcomer waits for his. Both may happen at once after outages: perfect negotiation decides.
 * 3. A peer with another `instance` was reloaded, its side of the connection is gone: it is
 *    replaced. The reloaded page has a new `peer_list`, so by rule 2 it offers.
 *    What is said to a page names its instance, so that the page after it does not take it for its
 *    own: both may be loaded anew at once, as by Vite, and an offer may arrive only afterwards.
 * 4. A peer that is missing from a new `peer_list` is unconfirmed: the sidecar may have restarted
 *    and that peer be still on its way back. After the grace period, or when the sidecar itself
 *    gave it up as lost, its transport decides: one that is down is dropped, one that is up stays
 *    until it goes down (rule 1; somebody who left by his own will has closed his side).
 * 5. Somebody who closes a mesh is done with the room: the last mesh of a client closes it, and the
 *    next one that is made of it joins again. React's StrictMode does both at once, and nobody in
 *    the room sees it.
 */

import { warnOnce } from './default-url.ts'
import type { Peer, RelayedFrame } from './frames.ts'
import type { MeshEvents, MeshOptions, MeshPeer, PeerState } from './mesh-events.ts'
import { PeerLink } from './peer-link.ts'
import { SignalingClient } from './signaling-client.ts'
import type { SignalingOptions } from './signaling-events.ts'
import { TypedEventTarget } from './typed-events.ts'
import { text } from './untrusted-json.ts'

/** As long as the sidecar keeps the place of a peer whose connection was lost. */
const UNCONFIRMED_GRACE_MS = 30_000

/**
 * An address that nobody answers makes `connectionState` fail after 15 s; other faults never fail
 * by themselves (no candidates at all, unresolvable `.local` names, an offer without an answer).
 */
const CONNECT_DEADLINE_MS = 15_000

/** Each failure doubles the deadline of the next try, this often: 15, 30, then 60 s for ever. */
const MAX_DEADLINE_DOUBLINGS = 2

interface Member {
  peer: Peer
  link: PeerLink
  stream: MediaStream | undefined
  /** Deadlines missed since it was last connected. */
  failures: number
  /** `confirmed`, or not since less (`doubted`) or more (`lapsed`) than the grace period. */
  standing: 'confirmed' | 'doubted' | 'lapsed'
  graceTimer: ReturnType<typeof setTimeout> | undefined
}

const CLOSED =
  'a mesh that was closed sends nothing. In React, make it in the effect whose clean-up closes it: ' +
  'StrictMode runs the clean-up once at the start, and what useState, useMemo or useRef has made is not made again.'

/** How many meshes use a client. None: they have closed it, or are about to. */
const users = new WeakMap<SignalingClient, number>()

export class Mesh extends TypedEventTarget<MeshEvents> {
  /** How it signals: whose room it is in, and who is there. */
  readonly client: SignalingClient
  readonly #iceServers: RTCIceServer[] | undefined
  readonly #trace: boolean
  readonly #members = new Map<string, Member>()
  readonly #subscriptions = new AbortController()
  #stream: MediaStream | undefined

  /**
   * Connects to everybody in the room that the client is in, and in each that it joins later.
   * `signaling`: a client, or the options of one that is made for this mesh.
   */
  constructor(signaling: SignalingClient | SignalingOptions, options: MeshOptions = {}) {
    super()
    // Not `instanceof SignalingClient`: it may be another copy's, of which there are some after edits.
    const isClient = signaling instanceof EventTarget
    const client = isClient ? (signaling as SignalingClient) : new SignalingClient(signaling)
    this.client = client
    this.#iceServers = options.iceServers
    this.#trace = options.trace !== false
    this.#stream = options.stream
    const { signal } = this.#subscriptions
    // Not the client's own method: that it has a mesh does not say that the page listens to either.
    const listen: SignalingClient['addEventListener'] =
      EventTarget.prototype.addEventListener.bind(client)
    listen('peer_list', ({ detail }) => this.#onList(detail.peers), { signal })
    listen('peer_joined', ({ detail }) => this.#meet(detail, true), { signal })
    listen('peer_updated', ({ detail }) => this.#meet(detail.peer, true), {
      signal,
    })
    listen('peer_left', ({ detail }) => this.#onLeft(detail), { signal })
    listen('renamed', () => this.#clear('renamed'), { signal })
    listen('left', ({ detail }) => this.#clear(detail.why), { signal })
    for (const kind of ['offer', 'answer', 'candidate'] as const) {
      listen(kind, ({ detail }) => this.#onSignal(detail), { signal })
    }
    // A browser that tears a page down tells nobody; the others would see it "connected" for 7 s.
    const hangUp = ({ persisted }: PageTransitionEvent) => persisted || this.#hangUp()
    globalThis.window?.addEventListener('pagehide', hangUp, { signal })
    const others = users.get(client)
    users.set(client, (others ?? 0) + 1)
    if (others === 0 && client.room === undefined) client.join()
    if (client.joined) this.#onList([...client.peers.values()])
  }

  /** Everybody but oneself, in the order in which they came to be known. */
  get peers(): MeshPeer[] {
    return Array.from(this.#members.values(), snapshot)
  }

  /** The RTCPeerConnection to a peer, for statistics and tests. The mesh goes on driving it. */
  connectionTo(peerId: string): RTCPeerConnection | undefined {
    return this.#members.get(peerId)?.link.connection
  }

  /**
   * Sends to one peer, or to all; returns to how many. Who is not connected now does not get it
   * later. Throws what `RTCDataChannel.send` throws, as for a message over 256 KiB.
   */
  send(data: string | ArrayBuffer | ArrayBufferView<ArrayBuffer>, to?: string): number {
    if (this.#subscriptions.signal.aborted) warnOnce(CLOSED)
    const receivers = [...this.#members].filter(([peerId]) => to === undefined || peerId === to)
    return receivers.filter(([, { link }]) => link.send(data)).length
  }

  /** Sends these tracks to everybody from now on, and to whoever comes; undefined: none. */
  setStream(stream: MediaStream | undefined): void {
    this.#stream = stream
    for (const { link } of this.#members.values()) link.setStream(stream)
  }

  /**
   * Closes every connection and listens no more. Unless another mesh uses it or `keepClient` is
   * true, the client is closed too: one is not in the room any more.
   */
  close({ keepClient = false } = {}): void {
    if (this.#subscriptions.signal.aborted) return
    this.#hangUp()
    const others = (users.get(this.client) ?? 1) - 1
    users.set(this.client, others)
    if (others > 0) return
    if (keepClient) users.delete(this.client)
    else setTimeout(() => users.get(this.client) === 0 && this.client.close())
  }

  protected override listenedTo(): void {
    if (!this.#subscriptions.signal.aborted) this.client.claim()
  }

  #hangUp(): void {
    this.#subscriptions.abort()
    this.#clear('closed')
  }

  #tell<Name extends 'added' | 'changed' | 'removed' | 'stream'>(
    name: Name,
    detail: MeshEvents[Name],
  ): void {
    this.emit(name, detail)
    this.emit('peers', this.peers)
  }

  #onList(peers: readonly Peer[]): void {
    if (this.#trace) this.client.tracePage()
    const listed = new Set(peers.map((peer) => peer.peerId))
    for (const member of this.#members.values()) {
      if (!listed.has(member.peer.peerId)) this.#doubt(member)
    }
    for (const peer of peers) this.#meet(peer, false)
  }

  /** The sidecar has said something of this peer: in one's own list, or (`told`) later. */
  #meet(peer: Peer, told: boolean): void {
    // What is relayed to a peer that is away is refused. It will have a list of its own, and offer.
    const offers = !told && !peer.away
    const member = this.#members.get(peer.peerId)
    if (member === undefined) {
      this.#add(peer, offers, told)
      return
    }
    const isReloaded = member.peer.instance !== peer.instance
    member.peer = peer
    this.#confirm(member)
    if (isReloaded) {
      member.failures = 0
      this.#replaceLink(member, offers)
    } else if (offers && member.link.isBroken) this.#replaceLink(member, true)
    else if (offers) member.link.resume()
    this.#tell('changed', snapshot(member))
  }

  #add(peer: Peer, offers: boolean, isNewcomer: boolean): void {
    const { peerId } = peer
    const link = this.#newLink(peer, offers, 0)
    const member: Member = {
      peer,
      link,
      stream: undefined,
      failures: 0,
      standing: 'confirmed',
      graceTimer: undefined,
    }
    this.#members.set(peerId, member)
    this.#tell('added', { ...snapshot(member), isNewcomer })
  }

  #remove(member: Member, reason: string): void {
    const { peer, link, graceTimer } = member
    clearTimeout(graceTimer)
    link.close()
    this.#members.delete(peer.peerId)
    this.#tell('removed', { peerId: peer.peerId, peer, reason })
  }

  #clear(reason: string): void {
    for (const member of [...this.#members.values()]) this.#remove(member, reason)
  }

  #confirm(member: Member): void {
    clearTimeout(member.graceTimer)
    member.standing = 'confirmed'
  }

  #doubt(member: Member): void {
    if (member.standing !== 'confirmed') return
    member.standing = 'doubted'
    member.graceTimer = setTimeout(() => this.#lapse(member), UNCONFIRMED_GRACE_MS)
    this.#tell('changed', snapshot(member))
  }

  #lapse(member: Member): void {
    clearTimeout(member.graceTimer)
    member.standing = 'lapsed'
    if (!member.link.isUp) this.#remove(member, 'lost')
  }

  #onLeft({ peerId, reason }: { peerId: string; reason: string | undefined }): void {
    const member = this.#members.get(peerId)
    if (member === undefined) return
    if (reason === 'lost') this.#lapse(member)
    else this.#remove(member, reason ?? 'left')
  }

  #onSignal(frame: RelayedFrame): void {
    const member = this.#members.get(frame.from)
    const forInstance = text(frame.payload.forInstance) ?? this.client.instance
    if (member === undefined || forInstance !== this.client.instance) return
    const verdict = member.link.judge(frame)
    if (verdict === 'stale') return
    if (verdict === 'successor') this.#replaceLink(member, false)
    member.link.receive(frame)
  }

  #newLink({ peerId, instance }: Peer, offers: boolean, failures: number): PeerLink {
    const ifCurrent = (act: (member: Member) => void) => () => {
      const member = this.#members.get(peerId)
      if (member?.link === link) act(member)
    }
    const link = new PeerLink(
      {
        configuration: {
          iceServers: this.#iceServers ?? this.client.iceServers,
          bundlePolicy: 'max-bundle', // every browser that has `setLocalDescription()` bundles
        },
        offers,
        isPolite: () => this.#isPolite(peerId),
        send: ({ type, ...payload }) =>
          this.client.relay(peerId, type, { ...payload, forInstance: instance }),
        stream: this.#stream,
        deadlineMs: CONNECT_DEADLINE_MS * 2 ** Math.min(failures, MAX_DEADLINE_DOUBLINGS),
        tellsFailure: failures === 0,
      },
      {
        changed: ifCurrent((member) => this.#onTransport(member)),
        overdue: ifCurrent((member) => this.#onOverdue(member)),
        message: (data) => this.emit('message', { from: peerId, data }),
        stream: (stream) => ifCurrent((member) => this.#onStream(member, stream))(),
        problem: (error) => this.emit('problem', { peerId, error }),
      },
    )
    if (this.#trace) this.client.observe(link.connection, peerId)
    return link
  }

  #replaceLink(member: Member, offers: boolean): void {
    member.link.close()
    member.link = this.#newLink(member.peer, offers, member.failures)
    if (member.stream !== undefined) this.#onStream(member, undefined)
  }

  /** Who joined later gives way. Both sides see the same order, or (in one ms) the same two ids. */
  #isPolite(peerId: string): boolean {
    const mine = this.client.joinedAt
    const theirs = this.client.peers.get(peerId)?.joinedAt
    if (mine !== undefined && theirs !== undefined && mine !== theirs) return mine > theirs
    return (this.client.peerId ?? '') > peerId
  }

  #onTransport(member: Member): void {
    const { isUp } = member.link
    if (isUp) member.failures = 0
    if (!isUp && member.standing === 'lapsed') {
      this.#remove(member, 'lost')
      return
    }
    this.#tell('changed', snapshot(member))
    if (isUp) this.emit('connected', snapshot(member))
  }

  #onOverdue(member: Member): void {
    const isReachable = this.client.joined && !member.peer.away && member.standing === 'confirmed'
    if (!isReachable) return // nothing can be offered now: the next deadline will see
    member.failures += 1
    // The network may have changed; if a restart did not help, then a new connection.
    if (member.link.isMendable && member.failures === 1) member.link.restart()
    else this.#replaceLink(member, true)
    this.#tell('changed', snapshot(member))
  }

  #onStream(member: Member, stream: MediaStream | undefined): void {
    member.stream = stream
    this.#tell('stream', { peerId: member.peer.peerId, stream })
  }
}

function snapshot(member: Member): MeshPeer {
  const { peer, stream } = member
  return { peerId: peer.peerId, state: stateOf(member), peer, stream }
}

function stateOf({ link, peer, standing, failures }: Member): PeerState {
  if (link.isUp) return 'connected'
  if (standing !== 'confirmed') return 'unconfirmed'
  if (peer.away) return 'away'
  return failures > 0 ? 'failed' : 'connecting'
}
