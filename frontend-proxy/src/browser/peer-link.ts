/**
 * One RTCPeerConnection to one peer: its data channel, its tracks, its negotiation, its deadline.
 *
 * A link is never mended inside beyond an ICE restart; when that does not help, the mesh makes
 * another one. Each says its own id and the other side's in every frame, so that a frame for a
 * link that is gone is told from one for this, and a new link of the other side is recognised.
 */

import type { RelayedFrame } from './frames.ts'
import { randomId } from './identity.ts'
import { type Negotiable, Negotiation, parseNegotiable } from './negotiation.ts'
import { text } from './untrusted-json.ts'

/** Both sides open it by themselves with this id, so no `datachannel` event can be missed. */
const CHANNEL_ID = 0

export interface LinkListener {
  /** The transport came up or went down. */
  changed(): void
  /** It should be up by now, and is not; again after each further deadline. */
  overdue(): void
  message(data: string | ArrayBuffer): void
  /** What the other side plays, as a stream whose tracks come and go; undefined: nothing. */
  stream(stream: MediaStream | undefined): void
  /** The browser refused what the other side sent, or could not do what was asked. */
  problem(error: unknown): void
}

export interface LinkOptions {
  readonly configuration: RTCConfiguration
  /** This side makes the first offer. */
  readonly offers: boolean
  readonly isPolite: () => boolean
  readonly send: (frame: Negotiable & { link: string; forLink: string | undefined }) => void
  readonly stream: MediaStream | undefined
  /** How long it may take to come up, at the start and whenever it went down. */
  readonly deadlineMs: number
  /**
   * Whether a failure before that is told at once. Where others have failed before this, it is not:
   * a DTLS handshake fails within 100 ms, and the two sides would try again ten times a second.
   */
  readonly tellsFailure: boolean
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
    this.#pc = new RTCPeerConnection(options.configuration)
    this.#channel = this.#pc.createDataChannel('mesh', { negotiated: true, id: CHANNEL_ID })
    this.#channel.binaryType = 'arraybuffer'
    this.#negotiation = new Negotiation(this.#pc, options.isPolite, (frame) =>
      options.send({ ...frame, link: this.id, forLink: this.#remoteId }),
    )
    this.#listen()
    this.setStream(options.stream)
    this.#armDeadline()
  }

  /** The RTCPeerConnection itself, for statistics and tests; the link goes on driving it. */
  get connection(): RTCPeerConnection {
    return this.#pc
  }

  /** Messages get through now. */
  get isUp(): boolean {
    return this.#up
  }

  /**
   * An ICE restart may bring it back: it worked once, and the other side has not closed it. A DTLS
   * handshake that failed, or a channel that is closed, stays so.
   */
  get isMendable(): boolean {
    return this.#wasUp && !this.isBroken
  }

  /** The other side has closed it: nothing will come up again here. */
  get isBroken(): boolean {
    return this.#channel.readyState === 'closing' || this.#channel.readyState === 'closed'
  }

  /** Whether the frame is for this link, for one that is gone, or from the other side's next. */
  judge({ type, payload }: RelayedFrame): 'mine' | 'stale' | 'successor' {
    const from = text(payload.link)
    const to = text(payload.forLink)
    if (to !== undefined && to !== this.id) return 'stale'
    if (from === this.#remoteId) return 'mine'
    if (this.#remoteId === undefined) return type === 'candidate' ? 'stale' : 'mine'
    return type === 'offer' ? 'successor' : 'stale'
  }

  /** Takes a frame that `judge` found to be its own. */
  receive(frame: RelayedFrame): void {
    const negotiable = parseNegotiable(frame)
    if (negotiable === undefined) return
    if (negotiable.type !== 'candidate') {
      this.#remoteId = text(frame.payload.link)
      if (!this.#up) this.#armDeadline()
    }
    this.#watch(this.#negotiation.receive(negotiable))
  }

  /** Signaling was lost and is back: what was under way goes on, what is up is left alone. */
  resume(): void {
    const isRepeated = this.#negotiation.repeatOffer()
    if (this.#up) return
    this.#armDeadline()
    if (isRepeated) return
    if (this.#pc.remoteDescription === null) this.#watch(this.#negotiation.offer())
    else this.#pc.restartIce()
  }

  /** An ICE restart: new candidates on both sides; the channel and the tracks stay. */
  restart(): void {
    this.#pc.restartIce() // `negotiationneeded` follows
    this.#armDeadline()
  }

  /** False when the channel is not open. Throws what `RTCDataChannel.send` throws. */
  send(data: string | ArrayBuffer | ArrayBufferView<ArrayBuffer>): boolean {
    if (!this.#up) return false
    // Three calls, because `send` is overloaded and takes no union.
    if (typeof data === 'string') this.#channel.send(data)
    else if (data instanceof ArrayBuffer) this.#channel.send(data)
    else this.#channel.send(data)
    return true
  }

  /** Sends this stream's tracks from now on, in place of those before. */
  setStream(stream: MediaStream | undefined): void {
    // One after the other: until `replaceTrack` is done, `sender.track` is still the old one.
    const replace = () => this.#replaceTracks(stream)
    this.#settingStream = this.#settingStream.then(replace, replace)
    this.#watch(this.#settingStream)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#negotiation.stop()
    this.#pc.close()
  }

  /**
   * Each side sends over transceivers of its own, one per track, which it uses again. Shared ones
   * (`addTrack`) make the description longer each time a camera goes on; used again, they leave the
   * receiver silent for good when a change of their direction is rolled back (Chromium 156).
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

  #listen(): void {
    const pc = this.#pc
    pc.onnegotiationneeded = () => {
      // The side that waits for the first offer has a channel too, so it "needs" one as well.
      const mayOffer = this.#options.offers || pc.remoteDescription !== null
      if (mayOffer) this.#watch(this.#negotiation.offer())
    }
    pc.onicecandidate = ({ candidate }) => {
      if (candidate === null) return
      const frame = { type: 'candidate', candidate: candidate.toJSON() } as const
      this.#options.send({ ...frame, link: this.id, forLink: this.#remoteId })
    }
    pc.onconnectionstatechange = () => {
      this.#update()
      const isNews = this.#options.tellsFailure || this.#wasUp
      if (pc.connectionState === 'failed' && isNews) this.#overdue()
    }
    pc.ontrack = ({ track }) => {
      track.onmute = () => this.#hear()
      track.onunmute = () => this.#hear()
      this.#hear()
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
    else this.#armDeadline()
    this.#listener.changed()
  }

  /** Collects the tracks that play now, into one stream whatever the other side calls them. */
  #hear(): void {
    for (const { track } of this.#pc.getReceivers()) {
      if (track.muted) this.#remoteStream.removeTrack(track)
      else this.#remoteStream.addTrack(track)
    }
    const isPlaying = this.#remoteStream.getTracks().length > 0
    this.#listener.stream(isPlaying ? this.#remoteStream : undefined)
  }

  /** Some connections never fail, they stay at `new` for ever (no candidates, none reachable). */
  #armDeadline(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#overdue(), this.#options.deadlineMs)
  }

  #overdue(): void {
    this.#armDeadline()
    this.#listener.overdue()
  }

  #watch(work: Promise<void>): void {
    work.catch((error: unknown) => {
      // What was under way when a connection is closed rejects; nobody waits for it then.
      if (!this.#closed) this.#listener.problem(error)
    })
  }
}
