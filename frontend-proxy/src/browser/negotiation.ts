/**
 * Implements perfect negotiation (W3C WebRTC 1.0, section 10.7) for one RTCPeerConnection: either side
 * may send an offer at any time, and if both do, the polite side withdraws its own.
 *
 * Three rules are added to the standard's example, because a signal can get lost:
 *
 * 1. An offer that is not answered is sent again.
 * 2. An offer that collides with our own may mean that the peer has not received ours. If we are the
 *    impolite side, we send ours again at once, but only once for each offer of the peer: for a
 *    moment both sides may take themselves for the impolite one, and would otherwise send offers
 *    without end.
 * 3. Each offer has a number, its round, and the answer contains the same number. An answer of an
 *    earlier round is ignored, because applying it to a later offer would leave the two sides in
 *    different states. An offer that was already answered gets the same answer again.
 */

import type { RelayedFrame } from './frames.ts'
import { number, object, text } from './untrusted-json.ts'

/**
 * A frame of the negotiation, sent or received. Only clients that use this module send a `round`.
 */
export type NegotiationSignal =
  | { readonly type: 'offer'; readonly sdp: string; readonly round: number | undefined }
  | { readonly type: 'answer'; readonly sdp: string; readonly round: number | undefined }
  | { readonly type: 'candidate'; readonly candidate: RTCIceCandidateInit }

type Description = Exclude<NegotiationSignal, { type: 'candidate' }>

/**
 * How many candidates are kept until the remote description arrives. A browser gathers a few
 * candidates for each network interface, so no browser sends more than this.
 */
const MAX_EARLY_CANDIDATES = 100

/**
 * The delay before an offer without an answer is sent again. A slow phone answers after a round
 * trip and about 100 ms. The delay doubles with each repetition, because a peer that stays silent
 * may never answer.
 */
const FIRST_REPEAT_MS = 5_000

export class Negotiation {
  readonly #pc: RTCPeerConnection
  readonly #isPolite: () => boolean
  readonly #send: (frame: NegotiationSignal) => void
  /** The candidates that arrived before the remote description. */
  readonly #early: RTCIceCandidateInit[] = []
  #makingOffer = false
  #applyingOffer = false
  #ignoringOffer = false
  #settingAnswer = false
  /** The round of our last offer. */
  #round = 0
  /** The rounds of our offer and of the peer's offer in the last collision, and the peer's link. */
  #collision = {
    ours: 0,
    theirs: undefined as number | undefined,
    link: undefined as string | undefined,
  }
  /**
   * The round of the last remote offer that we applied, and the round of the last remote offer that
   * we answered.
   */
  #appliedRound: number | undefined
  #answeredRound: number | undefined
  #repeatTimer: ReturnType<typeof setTimeout> | undefined

  constructor(
    pc: RTCPeerConnection,
    isPolite: () => boolean,
    send: (frame: NegotiationSignal) => void,
  ) {
    this.#pc = pc
    this.#isPolite = isPolite
    this.#send = send
  }

  /** Whether the last offer of the peer was ignored, because it collided with our own. */
  get isIgnoringOffer(): boolean {
    return this.#ignoringOffer
  }

  /**
   * Sends an offer, unless a negotiation is in progress. After that negotiation, the browser fires
   * `negotiationneeded` if an offer is still needed.
   */
  async offer(): Promise<void> {
    // While an offer of the peer is being applied, `signalingState` may still be `stable`.
    const isBusy = this.#makingOffer || this.#applyingOffer
    if (isBusy || this.#pc.signalingState !== 'stable') return
    this.#makingOffer = true
    try {
      await this.#pc.setLocalDescription()
      this.#round += 1
      this.#sendIf('offer', this.#pc.localDescription, this.#round)
      this.#repeatIn(FIRST_REPEAT_MS)
    } finally {
      this.#makingOffer = false
    }
  }

  /**
   * Sends a pending offer again, with the candidates found so far. Returns false if no offer is
   * pending.
   */
  repeatOffer(): boolean {
    if (this.#pc.signalingState !== 'have-local-offer') return false
    this.#sendIf('offer', this.#pc.localDescription, this.#round)
    return true
  }

  /** Stops repeating the offer. */
  stop(): void {
    clearTimeout(this.#repeatTimer)
  }

  /** `link` is the link of the peer that has sent the signal. Each link counts its own rounds. */
  async receive(frame: NegotiationSignal, link?: string): Promise<void> {
    if (frame.type === 'offer') await this.#receiveOffer(frame, link)
    else if (frame.type === 'answer') await this.#receiveAnswer(frame)
    else await this.#receiveCandidate(frame.candidate)
  }

  async #receiveOffer(offer: Description, link: string | undefined): Promise<void> {
    if (offer.round !== undefined && offer.round === this.#appliedRound) {
      this.#repeatAnswer(offer.round)
      return
    }
    // While an answer to our offer is being applied, `signalingState` still shows the offer as
    // pending. The peer sent that answer before it sent the offer that has just arrived, so the two
    // offers do not collide.
    const isFree = this.#pc.signalingState === 'stable' || this.#settingAnswer
    this.#ignoringOffer = (this.#makingOffer || !isFree) && !this.#isPolite()
    if (this.#ignoringOffer) {
      this.#repeatAfterCollision(offer.round, link)
      return
    }
    this.#appliedRound = offer.round
    this.#applyingOffer = true
    try {
      await this.#pc.setRemoteDescription(offer) // This also withdraws our own pending offer.
      await this.#addEarlyCandidates()
      await this.#pc.setLocalDescription()
    } finally {
      this.#applyingOffer = false
    }
    this.#sendIf('answer', this.#pc.localDescription, offer.round)
    this.#answeredRound = offer.round
  }

  #repeatAfterCollision(theirs: number | undefined, link: string | undefined): void {
    const last = this.#collision
    const isKnown = last.ours === this.#round && last.theirs === theirs && last.link === link
    // If the offer is still being made, it is sent soon, and has the next number.
    if (this.#makingOffer || isKnown) return
    this.#collision = { ours: this.#round, theirs, link }
    this.repeatOffer()
  }

  /**
   * Sends the last answer again, with the candidates found so far. `currentLocalDescription`
   * contains the answer even if an offer of ours is pending.
   */
  #repeatAnswer(round: number): void {
    if (round !== this.#answeredRound) return // The answer is still being prepared.
    this.#sendIf('answer', this.#pc.currentLocalDescription, round)
    this.repeatOffer() // The peer has ignored our pending offer if it was waiting for this answer.
  }

  async #receiveAnswer(answer: Description): Promise<void> {
    if (answer.round !== undefined && answer.round !== this.#round) return
    // If an offer was sent twice, the second answer is ignored.
    if (this.#pc.signalingState !== 'have-local-offer' || this.#settingAnswer) return
    this.#ignoringOffer = false
    this.#settingAnswer = true
    try {
      await this.#pc.setRemoteDescription(answer)
    } finally {
      this.#settingAnswer = false
    }
    await this.#addEarlyCandidates()
  }

  async #receiveCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    if (this.#pc.remoteDescription === null) {
      // The candidates of an ignored offer are ignored too. After the peer has received our offer,
      // it sends new candidates.
      const isWanted = !this.#ignoringOffer && this.#early.length < MAX_EARLY_CANDIDATES
      if (isWanted) this.#early.push(candidate)
      return
    }
    try {
      await this.#pc.addIceCandidate(candidate)
    } catch (error) {
      // The candidate may belong to the ignored offer.
      if (!this.#ignoringOffer) throw error
    }
  }

  async #addEarlyCandidates(): Promise<void> {
    for (const candidate of this.#early.splice(0)) await this.#pc.addIceCandidate(candidate)
  }

  /**
   * Sends `description` if its type is still `type`. (The negotiation may have continued in the
   * meantime.)
   */
  #sendIf(
    type: 'offer' | 'answer',
    description: RTCSessionDescription | null,
    round: number | undefined,
  ): void {
    if (description?.type === type) this.#send({ type, sdp: description.sdp, round })
  }

  #repeatIn(delayMs: number): void {
    clearTimeout(this.#repeatTimer)
    this.#repeatTimer = setTimeout(() => {
      if (this.repeatOffer()) this.#repeatIn(delayMs * 2)
    }, delayMs)
  }
}

/** Parses a signal of another peer. Returns `undefined` if it is not a valid signal. */
export function parseSignal({ type, payload }: RelayedFrame): NegotiationSignal | undefined {
  if (type === 'offer' || type === 'answer') {
    const sdp = text(payload.sdp)
    return sdp === undefined ? undefined : { type, sdp, round: number(payload.round) }
  }
  if (type !== 'candidate') return undefined
  const fields = object(payload.candidate)
  const candidate = text(fields?.candidate)
  if (fields === undefined || candidate === undefined) return undefined
  const { sdpMid, sdpMLineIndex, usernameFragment } = fields
  return {
    type,
    candidate: {
      candidate,
      sdpMid: text(sdpMid) ?? null,
      sdpMLineIndex: number(sdpMLineIndex) ?? null,
      usernameFragment: text(usernameFragment) ?? null,
    },
  }
}
