/**
 * Implements a link: one RTCPeerConnection to one peer, with its data channel, tracks, negotiation
 * and deadline.
 *
 * A link recovers only by an ICE restart. If the restart fails, the mesh replaces the link with a
 * new one. Each signal contains the id of the sender's link and the id of the receiver's link. So a
 * link can ignore a signal for an earlier link, and can recognise the first signal of a new link.
 */

import type { RelayedFrame } from './frames.ts'
import { randomId } from './identity.ts'
import { Negotiation, type NegotiationSignal, parseSignal } from './negotiation.ts'
import { text } from './untrusted-json.ts'

/** Both sides create the channel with this id (`negotiated`), and need no `datachannel` event. */
const CHANNEL_ID = 0

export interface LinkListener {
  /** Is called when the value of `isUp` has changed. */
  changed(): void
  /** Is called when the link fails, and every `deadlineMs` while the link is not up. */
  overdue(): void
  message(data: string | ArrayBuffer): void
  /** Is called when the peer has changed its tracks. `stream` is undefined if there are none. */
  stream(stream: MediaStream | undefined): void
  /** Is called when the browser has rejected a signal of the peer, or an operation of this side. */
  problem(error: unknown): void
}

export interface LinkOptions {
  /** Returns the current configuration, whose TURN passwords may be newer than at the last call. */
  readonly configuration: () => RTCConfiguration
  /** Whether this side sends the first offer. */
  readonly offers: boolean
  readonly isPolite: () => boolean
  readonly send: (frame: NegotiationSignal & { link: string; forLink: string | undefined }) => void
  readonly stream: MediaStream | undefined
  /** How long the link may take to connect, at the start and each time after it was up. */
  readonly deadlineMs: number
  /**
   * Whether `overdue` is called as soon as the link fails, and not only at the deadline. Must be
   * false if earlier links have failed: a DTLS handshake can fail within 100 ms, and the two sides
   * would retry ten times per second.
   */
  readonly reportsFailureAtOnce: boolean
}

export class PeerLink {
  readonly id: string = randomId()
  readonly #pc: RTCPeerConnection
  readonly #channel: RTCDataChannel
  readonly #negotiation: Negotiation
  readonly #options: LinkOptions
  readonly #listener: LinkListener
  readonly #sending: RTCRtpTransceiver[] = []
  readonly #remoteStream = new MediaStream()
  #remoteId: string | undefined
  #up = false
  #wasUp = false
  #closed = false
  #settingStream: Promise<void> = Promise.resolve()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: LinkOptions, listener: LinkListener) {
    this.#options = options
    this.#listener = listener
    this.#pc = new RTCPeerConnection(options.configuration())
    this.#channel = this.#pc.createDataChannel('mesh', { negotiated: true, id: CHANNEL_ID })
    this.#channel.binaryType = 'arraybuffer'
    this.#negotiation = new Negotiation(this.#pc, options.isPolite, (frame) =>
      options.send({ ...frame, link: this.id, forLink: this.#remoteId }),
    )
    this.#listen()
    this.setStream(options.stream)
    this.#startDeadline()
  }

  /** The RTCPeerConnection, for statistics and tests. Only the link may change it. */
  get connection(): RTCPeerConnection {
    return this.#pc
  }

  get channel(): RTCDataChannel {
    return this.#channel
  }

  /** Whether the RTCPeerConnection is connected and the data channel is open. */
  get isUp(): boolean {
    return this.#up
  }

  /**
   * Whether an ICE restart may help: the link was up before, and the peer has not closed it. An ICE
   * restart cannot repair a failed DTLS handshake.
   */
  get mayRestart(): boolean {
    return this.#wasUp && !this.isClosedByPeer
  }

  /** Whether the peer has closed the data channel, so the link cannot come up again. */
  get isClosedByPeer(): boolean {
    return this.#channel.readyState === 'closing' || this.#channel.readyState === 'closed'
  }

  /** True until this link has used a signal of the peer. Until then, the peer may not know it. */
  get isUnknownToPeer(): boolean {
    return this.#remoteId === undefined
  }

  /**
   * Whether a signal shows that two links do not match, and so never connect: this link uses the
   * signals of the peer's link, but the peer's link uses those of an earlier link of this side.
   */
  isMismatchedBy({ payload }: RelayedFrame): boolean {
    const [from, to] = [text(payload.link), text(payload.forLink)]
    return from !== undefined && from === this.#remoteId && to !== undefined && to !== this.id
  }

  /** Returns whether a signal is for this link, an earlier link, or a link still to be created. */
  targetOf({ type, payload }: RelayedFrame): 'this link' | 'an earlier link' | 'a new link' {
    const from = text(payload.link)
    const to = text(payload.forLink)
    if (to !== undefined && to !== this.id) return 'an earlier link'
    if (from === this.#remoteId) return 'this link'
    if (this.#remoteId === undefined) return type === 'candidate' ? 'an earlier link' : 'this link'
    return type === 'offer' ? 'a new link' : 'an earlier link'
  }

  /** Handles a signal that belongs to this link (see `targetOf`). */
  receive(frame: RelayedFrame): void {
    const signal = parseSignal(frame)
    if (signal === undefined) return
    const from = text(frame.payload.link)
    if (signal.type === 'offer' && !this.#up) this.#configure() // The offer may restart ICE.
    const work = this.#negotiation.receive(signal, from)
    if (signal.type !== 'candidate') {
      // The link of an ignored offer may be one that the peer has already replaced.
      if (!this.#negotiation.isIgnoringOffer) this.#remoteId = from
      if (!this.#up) this.#startDeadline()
    }
    this.#reportErrors(work)
  }

  /**
   * Continues an interrupted negotiation. If the link is up, the only effect is that a pending
   * offer is sent again.
   */
  resume(): void {
    const isRepeated = this.#negotiation.repeatOffer()
    if (this.#up) return
    this.#startDeadline()
    if (isRepeated) return
    if (this.#pc.remoteDescription === null) this.#reportErrors(this.#negotiation.offer())
    else this.#restartIce()
  }

  /** Starts an ICE restart: both sides gather new candidates, and keep the channel and the tracks. */
  restart(): void {
    this.#restartIce()
    this.#startDeadline()
  }

  /** Sends data. Returns false if the link is not up. Throws what `RTCDataChannel.send` throws. */
  send(data: string | BufferSource): boolean {
    if (!this.#up) return false
    // There are three calls because TypeScript's overloads of `send` do not accept a union.
    if (typeof data === 'string') this.#channel.send(data)
    else if (data instanceof ArrayBuffer) this.#channel.send(data)
    else this.#channel.send(data)
    return true
  }

  /** Sends the tracks of this stream instead of those of the earlier stream. */
  setStream(stream: MediaStream | undefined): void {
    // Changes run one after the other, because `replaceTrack` sets `sender.track` only at its end.
    const replace = () => this.#replaceTracks(stream)
    this.#settingStream = this.#settingStream.then(replace, replace)
    this.#reportErrors(this.#settingStream)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#negotiation.stop()
    this.#pc.close()
  }

  /**
   * Each side sends each of its tracks over a transceiver that the other side does not use for
   * sending, and reuses the transceiver for later tracks. If both sides shared transceivers
   * (`addTrack`), the description would grow each time a camera is turned on. A shared transceiver
   * cannot be reused: when a rollback reverts a change of its direction, the receiver gets no media
   * (Chromium 156).
   */
  async #replaceTracks(stream: MediaStream | undefined): Promise<void> {
    if (this.#closed) return
    const tracks = new Set(stream?.getTracks())
    const replacing: Promise<void>[] = []
    for (const transceiver of this.#sending) {
      const { sender, receiver } = transceiver
      if (sender.track !== null && tracks.delete(sender.track)) continue
      const next = [...tracks].find(({ kind }) => kind === receiver.track.kind)
      if (next !== undefined) tracks.delete(next)
      transceiver.direction = next === undefined ? 'inactive' : 'sendonly'
      replacing.push(sender.replaceTrack(next ?? null))
    }
    for (const track of tracks) {
      const init: RTCRtpTransceiverInit = { direction: 'sendonly', streams: stream ? [stream] : [] }
      this.#sending.push(this.#pc.addTransceiver(track, init))
    }
    await Promise.all(replacing)
  }

  #restartIce(): void {
    this.#configure()
    this.#pc.restartIce() // The browser then fires `negotiationneeded`.
  }

  /** Sets the current TURN passwords. The browser uses them for the next candidates. */
  #configure(): void {
    // Firefox before 119 does not have `setConfiguration`. Settings that other code has changed,
    // such as `iceTransportPolicy`, are kept.
    this.#pc.setConfiguration?.({
      ...this.#pc.getConfiguration(),
      ...this.#options.configuration(),
    })
  }

  #listen(): void {
    const pc = this.#pc
    pc.onnegotiationneeded = () => {
      // This event also occurs on the side that waits for the first offer, which must not send one.
      const mayOffer = this.#options.offers || pc.remoteDescription !== null
      if (mayOffer) this.#reportErrors(this.#negotiation.offer())
    }
    pc.onicecandidate = ({ candidate }) => {
      if (candidate === null) return
      const frame = { type: 'candidate', candidate: candidate.toJSON() } as const
      this.#options.send({ ...frame, link: this.id, forLink: this.#remoteId })
    }
    pc.onconnectionstatechange = () => {
      this.#update()
      const isReported = this.#options.reportsFailureAtOnce || this.#wasUp
      if (pc.connectionState === 'failed' && isReported) this.#overdue()
    }
    pc.ontrack = ({ track }) => {
      track.onmute = () => this.#collectTracks()
      track.onunmute = () => this.#collectTracks()
      this.#collectTracks()
    }
    this.#channel.onopen = () => this.#update()
    this.#channel.onclose = () => this.#update()
    this.#channel.onmessage = ({ data }) => this.#listener.message(data)
  }

  #update(): void {
    if (this.#closed) return
    const isUp = this.#pc.connectionState === 'connected' && this.#channel.readyState === 'open'
    if (isUp === this.#up) return
    this.#up = isUp
    this.#wasUp ||= isUp
    if (isUp) clearTimeout(this.#timer)
    else this.#startDeadline()
    this.#listener.changed()
  }

  /** Puts all tracks of the peer into one stream, even if the peer sends several streams. */
  #collectTracks(): void {
    for (const { track } of this.#pc.getReceivers()) {
      if (track.muted) this.#remoteStream.removeTrack(track)
      else this.#remoteStream.addTrack(track)
    }
    const isPlaying = this.#remoteStream.getTracks().length > 0
    this.#listener.stream(isPlaying ? this.#remoteStream : undefined)
  }

  /** The deadline is needed because an RTCPeerConnection without usable candidates never fails. */
  #startDeadline(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#overdue(), this.#options.deadlineMs)
  }

  #overdue(): void {
    this.#startDeadline()
    this.#listener.overdue()
  }

  #reportErrors(work: Promise<void>): void {
    work.catch((error: unknown) => {
      // Closing an RTCPeerConnection rejects its pending operations, which is not a problem.
      if (!this.#closed) this.#listener.problem(error)
    })
  }
}
