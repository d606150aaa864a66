/**
 * Manages the members of a mesh: the other peers in the room, and the link (an RTCPeerConnection)
 * to each of them.
 *
 * 1. A lost signaling connection changes nothing for two peers that are connected. Their link is
 *    neither closed nor renegotiated, not even when the signaling connection is back.
 * 2. A client that finds a peer in its `peer_list` sends the offer. (If the peer is away, the
 *    client waits until it returns.) A client that receives `peer_joined` waits for the offer.
 *    After an outage both clients may send an offer; perfect negotiation decides which offer is
 *    used.
 * 3. If a peer has a new `instance`, its page was reloaded and its RTCPeerConnections are closed,
 *    so the link to it is replaced. The reloaded page gets a `peer_list`, so it sends the offer
 *    (rule 2). Each signal contains the `instance` of the page that it is for. If two pages are
 *    reloaded at the same time, a signal for an old page may reach the new page, which ignores it.
 * 4. A peer that is missing from a new `peer_list` is unconfirmed, because after a restart of the
 *    sidecar it may still be about to reconnect. If the peer does not reconnect within the grace
 *    period, or if the sidecar reports it as lost, the peer is removed as soon as the link to it is
 *    down. (A peer that leaves on purpose closes its link.)
 * 5. A peer may return with the same `instance` after this side has removed it, because the peer was
 *    lost or because the mesh was closed. This side has then closed its link to the peer, but the
 *    peer may not have noticed that. So this side sends the offer of a new link. If the peer sends
 *    an offer for the closed link, this side answers with the offer of the new link.
 */

import { warnOnce } from './default-url.ts'
import type { Peer, RelayedFrame } from './frames.ts'
import { LostPeers } from './lost-peers.ts'
import type { MeshEvents, MeshPeer, RemovedReason } from './mesh-events.ts'
import { type Member, snapshot } from './mesh-member.ts'
import { PeerLink } from './peer-link.ts'
import type { SignalingClient } from './signaling-client.ts'
import type { SignalingEvents } from './signaling-events.ts'
import { text } from './untrusted-json.ts'

/** The grace period of rule 4. The grace period of the sidecar has the same default. */
const UNCONFIRMED_GRACE_MS = 30_000

/**
 * The time that a link has to connect. If no address of the peer answers, `connectionState` becomes
 * `failed` after 15 s. With other faults it never becomes `failed`: no candidates, `.local` names
 * that cannot be resolved, an offer without an answer.
 */
const CONNECT_DEADLINE_MS = 15_000

/** How often failures double the deadline: it is 15 s at first, then 30 s, and then always 60 s. */
const MAX_DEADLINE_DOUBLINGS = 2

const CANNOT_CONNECT =
  'the mesh cannot connect, because the browser creates no RTCPeerConnection. Check the option `iceServers` of the mesh, or the ' +
  'STUN and TURN servers in the settings of the sidecar.'

const NO_WEBRTC =
  'the mesh cannot connect, because WebRTC is not available here. Workers never have it, and some browsers switch it off in ' +
  'their pages: Safari does so in Lockdown Mode, and so do some extensions and settings.'

export interface MembersOptions {
  readonly client: SignalingClient
  readonly iceServers: RTCIceServer[] | undefined
  /** Whether the links are recorded in the sidecar's event log. */
  readonly isTraced: boolean
  readonly emit: <Name extends keyof MeshEvents>(name: Name, detail: MeshEvents[Name]) => void
}

export class MeshMembers {
  readonly #options: MembersOptions
  readonly #client: SignalingClient
  readonly #members = new Map<string, Member>()
  readonly #lost: LostPeers
  #stream: MediaStream | undefined

  constructor(options: MembersOptions, stream: MediaStream | undefined) {
    this.#options = options
    this.#client = options.client
    this.#stream = stream
    this.#lost = LostPeers.of(options.client)
  }

  get all(): MeshPeer[] {
    return Array.from(this.#members.values(), snapshot)
  }

  linkTo(peerId: string): PeerLink | undefined {
    return this.#members.get(peerId)?.link
  }

  /**
   * Sends data to one peer, or to all. Returns to how many peers it was sent. Throws an error only
   * if that number is 0, so that one peer with a full queue does not affect the others.
   */
  send(data: string | BufferSource, to: string | undefined): number {
    const errors: unknown[] = []
    let sent = 0
    for (const [peerId, { link }] of this.#members) {
      if (to !== undefined && peerId !== to) continue
      try {
        if (link.send(data)) sent += 1
      } catch (error) {
        errors.push(error)
      }
    }
    if (sent === 0 && errors.length > 0) throw errors[0]
    return sent
  }

  setStream(stream: MediaStream | undefined): void {
    this.#stream = stream
    for (const { link } of this.#members.values()) link.setStream(stream)
  }

  removeAll(reason: RemovedReason): void {
    for (const member of [...this.#members.values()]) this.#remove(member, reason)
  }

  /** Handles a `peer_list` that the client has received. */
  updateFromList(peers: readonly Peer[]): void {
    const listed = new Set(peers.map((peer) => peer.peerId))
    for (const member of this.#members.values()) {
      if (!listed.has(member.peer.peerId)) this.#markUnconfirmed(member)
    }
    for (const peer of peers) this.#addOrUpdate(peer, true)
  }

  /** Handles a `peer_joined` or `peer_updated`. */
  update(peer: Peer): void {
    this.#addOrUpdate(peer, false)
  }

  /** Handles a `resumed`: the client can send signals again. */
  resume(): void {
    for (const member of this.#members.values()) if (member.mustResume) this.#resume(member)
  }

  /** Handles a `peer_left`. */
  left({ peerId, reason }: SignalingEvents['peer_left']): void {
    const member = this.#members.get(peerId)
    if (member === undefined) return
    if (reason === 'lost') this.#markLost(member)
    else this.#remove(member, reason ?? 'left')
  }

  /** Handles an offer, an answer or a candidate. */
  receive(frame: RelayedFrame): void {
    const member = this.#members.get(frame.from)
    const forInstance = text(frame.payload.forInstance) ?? this.#client.instance
    if (member === undefined || forInstance !== this.#client.instance) return
    const target = member.link.targetOf(frame)
    if (target === 'an earlier link') {
      if (member.link.isMismatchedBy(frame)) this.#replaceLink(member, true)
      // See rule 5.
      else if (frame.type === 'offer' && member.link.isUnknownToPeer) member.link.resume()
      return
    }
    if (target === 'a new link' && !this.#replaceLink(member, false)) return
    member.link.receive(frame)
  }

  #addOrUpdate(peer: Peer, isListed: boolean): void {
    const member = this.#members.get(peer.peerId)
    if (member === undefined) {
      this.#add(peer, isListed)
      return
    }
    const isReloaded = member.peer.instance !== peer.instance
    // If tracks were changed in the meantime, the peer may not have received the offer for them.
    const mayHaveMissed = member.presence !== 'confirmed' && member.link.isUp
    member.peer = peer
    clearTimeout(member.graceTimer)
    member.presence = 'confirmed'
    if (isReloaded) {
      member.failures = 0
      member.mustResume = isListed && peer.away
      this.#replaceLink(member, isListed && !peer.away)
    } else if (isListed || member.mustResume || mayHaveMissed) this.#resume(member)
    this.#emit('changed', snapshot(member))
  }

  #add(peer: Peer, isListed: boolean): void {
    const isBack = this.#lost.take(peer)
    // The sidecar may refuse an offer to a peer that is away, so the offer is sent when the peer
    // returns.
    const link = this.#newLink(peer, (isListed || isBack) && !peer.away, 0)
    if (link === undefined) return
    const member: Member = {
      peer,
      link,
      stream: undefined,
      failures: 0,
      mustResume: isListed && peer.away,
      presence: 'confirmed',
      graceTimer: undefined,
    }
    this.#members.set(peer.peerId, member)
    this.#emit('added', { ...snapshot(member), isNewcomer: !isListed })
  }

  /** Continues the negotiation with a member now, or when signals can be sent to it again. */
  #resume(member: Member): void {
    member.mustResume = !this.#isReachable(member)
    if (member.mustResume) return
    if (member.link.isClosedByPeer) this.#replaceLink(member, true)
    else member.link.resume()
  }

  #isReachable({ peer, presence }: Member): boolean {
    return this.#client.joined && !peer.away && presence === 'confirmed'
  }

  #remove({ peer, link, graceTimer }: Member, reason: RemovedReason): void {
    clearTimeout(graceTimer)
    link.close()
    this.#members.delete(peer.peerId)
    if (reason === 'lost' || reason === 'closed') this.#lost.add(peer)
    this.#emit('removed', { peerId: peer.peerId, peer, reason })
  }

  #markUnconfirmed(member: Member): void {
    if (member.presence !== 'confirmed') return
    member.presence = 'unconfirmed'
    member.graceTimer = setTimeout(() => this.#markLost(member), UNCONFIRMED_GRACE_MS)
    this.#emit('changed', snapshot(member))
  }

  #markLost(member: Member): void {
    clearTimeout(member.graceTimer)
    member.presence = 'lost'
    if (!member.link.isUp) this.#remove(member, 'lost')
  }

  /** Returns undefined if the browser creates no RTCPeerConnection (for example: wrong `iceServers`, no WebRTC). */
  #newLink(peer: Peer, offers: boolean, failures: number): PeerLink | undefined {
    try {
      return this.#createLink(peer, offers, failures)
    } catch (error) {
      const hasWebRtc = typeof RTCPeerConnection !== 'undefined'
      warnOnce(hasWebRtc ? `${CANNOT_CONNECT} The error: ${error}` : NO_WEBRTC)
      this.#options.emit('problem', { peerId: peer.peerId, error })
      return undefined
    }
  }

  #createLink({ peerId, instance }: Peer, offers: boolean, failures: number): PeerLink {
    const ifCurrent = (act: (member: Member) => void) => () => {
      const member = this.#members.get(peerId)
      if (member?.link === link) act(member)
    }
    const link = new PeerLink(
      {
        configuration: () => ({
          iceServers: this.#options.iceServers ?? this.#client.iceServers,
          bundlePolicy: 'max-bundle', // All browsers with `setLocalDescription()` support bundling.
        }),
        offers,
        isPolite: () => this.#isPolite(peerId),
        send: ({ type, ...payload }) =>
          this.#client.relay(peerId, type, { ...payload, forInstance: instance }),
        stream: this.#stream,
        deadlineMs: CONNECT_DEADLINE_MS * 2 ** Math.min(failures, MAX_DEADLINE_DOUBLINGS),
        reportsFailureAtOnce: failures === 0,
      },
      {
        changed: ifCurrent((member) => this.#onLinkChanged(member)),
        overdue: ifCurrent((member) => this.#onLinkOverdue(member)),
        message: (data) => this.#options.emit('message', { from: peerId, data }),
        stream: (stream) => ifCurrent((member) => this.#onStream(member, stream))(),
        problem: (error) => this.#options.emit('problem', { peerId, error }),
      },
    )
    if (this.#options.isTraced) this.#client.observe(link.connection, peerId)
    return link
  }

  /** Returns false, and keeps the old link, if the browser creates no RTCPeerConnection. */
  #replaceLink(member: Member, offers: boolean): boolean {
    const link = this.#newLink(member.peer, offers, member.failures)
    if (link === undefined) return false
    member.link.close()
    member.link = link
    if (member.stream !== undefined) this.#onStream(member, undefined)
    return true
  }

  /**
   * Whether this side is the polite one. The peer that joined later is polite. Both sides know when
   * each of them joined, and compare the peer ids if both joined in the same millisecond.
   */
  #isPolite(peerId: string): boolean {
    const mine = this.#client.joinedAt
    const theirs = this.#client.peers.get(peerId)?.joinedAt
    if (mine !== undefined && theirs !== undefined && mine !== theirs) return mine > theirs
    return (this.#client.peerId ?? '') > peerId
  }

  #onLinkChanged(member: Member): void {
    const { isUp } = member.link
    if (isUp) member.failures = 0
    if (!isUp && member.presence === 'lost') {
      this.#remove(member, 'lost')
      return
    }
    this.#emit('changed', snapshot(member))
    if (isUp) this.#options.emit('connected', snapshot(member))
  }

  #onLinkOverdue(member: Member): void {
    member.mustResume = !this.#isReachable(member)
    if (member.mustResume) return
    member.failures += 1
    // The first attempt to recover is an ICE restart, because the network may have changed.
    if (member.link.mayRestart && member.failures === 1) member.link.restart()
    else this.#replaceLink(member, true)
    this.#emit('changed', snapshot(member))
  }

  #onStream(member: Member, stream: MediaStream | undefined): void {
    member.stream = stream
    this.#emit('stream', { peerId: member.peer.peerId, stream })
  }

  #emit<Name extends 'added' | 'changed' | 'removed' | 'stream'>(
    name: Name,
    detail: MeshEvents[Name],
  ): void {
    this.#options.emit(name, detail)
    this.#options.emit('peers', this.all)
  }
}
