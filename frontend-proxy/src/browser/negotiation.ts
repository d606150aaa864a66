/**
 * Perfect negotiation (W3C WebRTC 1.0, section 10.7) over one RTCPeerConnection: either side may
 * offer at any time, and when both do, the polite one gives way.
 *
 * What is ours, because a frame may be lost with a signaling connection or be refused:
 *
 * 1. An offer that is not answered is sent again.
 * 2. So each offer has a number, its round, and its answer says which. An answer of another round
 *    is dropped: set as the answer to a later offer, it would leave the two sides in different
 *    states. An offer that was answered is not answered anew, the same answer is sent again.
 */

import type { RelayedFrame } from './frames.ts'
import { number, object, text } from './untrusted-json.ts'

/** One frame of a negotiation, out or in. `round` is absent in what others than we send. */
export type Negotiable =
  | { readonly type: 'offer'; readonly sdp: string; readonly round: number | undefined }
  | { readonly type: 'answer'; readonly sdp: string; readonly round: number | undefined }
  | { readonly type: 'candidate'; readonly candidate: RTCIceCandidateInit }

type Description = Exclude<Negotiable, { type: 'candidate' }>

/**
 * Candidates kept until there is a description to go with them. A browser gathers a few per
 * network interface; more than this is no honest peer.
 */
const MAX_EARLY_CANDIDATES = 100

/**
 * An answer takes a round trip and some 100 ms of a slow phone's time. The wait doubles at each
 * repetition, for who has not answered by then may never do.
 */
const FIRST_REPEAT_MS = 5_000

export class Negotiation {
  readonly #pc: RTCPeerConnection
  readonly #isPolite: () => boolean
  readonly #send: (frame: Negotiable) => void
  readonly #early: RTCIceCandidateInit[] = []
  #makingOffer = false
  #ignoringOffer = false
  #settingAnswer = false
  /** Of our last offer. */
  #round = 0
  /** Of the last offer that we took, and of the last that we have answered. */
  #takenRound: number | undefined
  #answeredRound: number | undefined
  #repeatTimer: ReturnType<typeof setTimeout> | undefined

  constructor(pc: RTCPeerConnection, isPolite: () => boolean, send: (frame: Negotiable) => void) {
    this.#pc = pc
    this.#isPolite = isPolite
    this.#send = send
  }

  /** Offers what this side has now, unless a negotiation is under way: that ends with another. */
  async offer(): Promise<void> {
    if (this.#makingOffer || this.#pc.signalingState !== 'stable') return
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

  /** Sends a pending offer again, with the candidates it has by now; false when none is pending. */
  repeatOffer(): boolean {
    if (this.#pc.signalingState !== 'have-local-offer') return false
    this.#sendIf('offer', this.#pc.localDescription, this.#round)
    return true
  }

  /** Repeats nothing any more. */
  stop(): void {
    clearTimeout(this.#repeatTimer)
  }

  async receive(frame: Negotiable): Promise<void> {
    if (frame.type === 'offer') await this.#receiveOffer(frame)
    else if (frame.type === 'answer') await this.#receiveAnswer(frame)
    else await this.#receiveCandidate(frame.candidate)
  }

  async #receiveOffer(offer: Description): Promise<void> {
    if (offer.round !== undefined && offer.round === this.#takenRound) {
      this.#repeatAnswer(offer.round)
      return
    }
    // While an answer is being set the state still says that our offer is pending, but the other
    // side, which sent that answer and then this, is done with it.
    const isFree = this.#pc.signalingState === 'stable' || this.#settingAnswer
    this.#ignoringOffer = (this.#makingOffer || !isFree) && !this.#isPolite()
    if (this.#ignoringOffer) return
    this.#takenRound = offer.round
    await this.#pc.setRemoteDescription(offer) // takes back our own offer, if there is one
    await this.#addEarlyCandidates()
    await this.#pc.setLocalDescription()
    this.#sendIf('answer', this.#pc.localDescription, offer.round)
    this.#answeredRound = offer.round
  }

  /** With the candidates it has by now, and also while an offer of ours is pending. */
  #repeatAnswer(round: number): void {
    if (round !== this.#answeredRound) return // it is about to be sent
    this.#sendIf('answer', this.#pc.currentLocalDescription, round)
  }

  async #receiveAnswer(answer: Description): Promise<void> {
    if (answer.round !== undefined && answer.round !== this.#round) return
    // The second answer to an offer that was sent again.
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
      // With an ignored offer its candidates go too: the answer to ours will bring others.
      const isWanted = !this.#ignoringOffer && this.#early.length < MAX_EARLY_CANDIDATES
      if (isWanted) this.#early.push(candidate)
      return
    }
    try {
      await this.#pc.addIceCandidate(candidate)
    } catch (error) {
      if (!this.#ignoringOffer) throw error // else it may belong to what was ignored
    }
  }

  async #addEarlyCandidates(): Promise<void> {
    for (const candidate of this.#early.splice(0)) await this.#pc.addIceCandidate(candidate)
  }

  /** Nothing, when negotiation has gone on and the description is of another kind. */
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

/** Reads what another peer relayed; `undefined` for what is no negotiation. */
export function parseNegotiable({ type, payload }: RelayedFrame): Negotiable | undefined {
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
