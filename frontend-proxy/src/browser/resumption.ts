/**
 * What a client keeps so that nothing is lost or doubled when its connection is: the numbers of
 * both directions, and its own frames until the sidecar has handled them.
 *
 * 1. Frames from the sidecar are numbered `s` = 1, 2, 3…; `after` is the last that was handled here.
 * 2. Frames to the sidecar that must arrive are numbered `c` = 1, 2, 3…, and kept until a `ca`.
 * 3. What is kept has no hole: its numbers follow the last one that the sidecar has handled.
 * 4. A sidecar that could not write its log and was killed knows of less than it has said before.
 *    Then it is asked for a fresh list, and the numbers go on from what that says.
 * 5. A frame that ended a connection, or that is not counted however often it is sent, is given up.
 */

import { byteLength, jsonText } from './json-text.ts'
import { type Refusal, tooLarge } from './payload.ts'

/** With this the session may be resumed. */
export interface Ticket {
  readonly token: string
  /** How long the sidecar keeps it without a connection. */
  readonly graceMs: number | undefined
  /** Whether it outlives the sidecar's process. */
  readonly durable: boolean
}

// As many as the sidecar keeps for this client: after a longer outage both sides begin anew.
const MAX_KEPT_FRAMES = 256
/** Room for the offers of a page that shares 16 tracks (68 KB each) to 60 peers at once. */
const MAX_KEPT_BYTES = 4_194_304
/** What `c` and `a` add to a frame, at most. */
const NUMBERS_BYTES = 48
/** Close codes of a connection that one of our frames has ended, and what that says of the frame. */
const FAULTS: ReadonlyMap<number, Refusal> = new Map([
  [1009, { code: 'too-large', message: 'a frame was too large, and has ended the connection' }],
  [1007, { code: 'bad-json', message: 'a frame was no text, and has ended the connection' }],
])
const UNCOUNTED: Refusal = {
  code: 'out-of-order',
  message: 'the sidecar does not count a frame, which was sent three times',
}
/** Unacknowledged frames after which the sidecar is told, though nothing else is to be said. */
const ACK_AFTER_FRAMES = 16

interface Kept {
  readonly frame: object
  readonly bytes: number
}

/** What is to be done about a frame that the sidecar did not count. */
export type Remedy = 'send again' | 'ask for a list' | 'give up'

/** The code of a close that one of our own frames has brought about, and what is to be said then. */
export function faultOf(closeCode: number): Refusal | undefined {
  return FAULTS.get(closeCode)
}

export class Resumption {
  #token: string
  #after: number
  #told: number
  /** The last of our numbers that the sidecar has handled. */
  #handled: number
  #kept: Kept[] = []
  #bytes = 0
  /** The last number that was sent on a connection which one of our frames has ended. */
  #suspect: { readonly c: number; readonly fault: Refusal } | undefined
  #uncounted = { after: -1, times: 0 }

  /** `after` and `handled` are where both directions stand, in a session that was there before. */
  constructor(ticket: Ticket, after = 0, handled = 0) {
    this.#token = ticket.token
    this.#after = after
    this.#told = after
    this.#handled = handled
  }

  get token(): string {
    return this.#token
  }

  /** The last number of the sidecar's that was handled. */
  get after(): number {
    return this.#after
  }

  /** Whether the sidecar is to be told now what was handled, or only soon, or not at all. */
  get owes(): 'now' | 'soon' | 'nothing' {
    const count = this.#after - this.#told
    if (count === 0) return 'nothing'
    return count >= ACK_AFTER_FRAMES ? 'now' : 'soon'
  }

  /** Takes the next token; with `after`, a fresh list stands for everything up to that number. */
  renew(ticket: Ticket, after = this.#after): void {
    this.#token = ticket.token
    this.#after = after
    this.#told = after
  }

  /** What a numbered frame is: to be handled, known already, or one too far. */
  receive(s: number): 'next' | 'known' | 'hole' {
    if (s <= this.#after) return 'known'
    if (s > this.#after + 1) return 'hole'
    this.#after = s
    return 'next'
  }

  /** Numbers a frame and keeps it; false when too much is kept: then it is as if never sent. */
  keep(frame: object): boolean {
    const bytes = frameBytes(frame)
    if (this.#kept.length >= MAX_KEPT_FRAMES || this.#bytes + bytes > MAX_KEPT_BYTES) return false
    this.#kept.push({ frame, bytes })
    this.#bytes += bytes
    return true
  }

  /** The frame that was kept last, as it is sent. */
  get last(): object | undefined {
    return this.#kept.length === 0 ? undefined : this.#numbered(this.#kept.length - 1)
  }

  /** All that is kept, as it is sent. */
  get all(): object[] {
    return this.#kept.map((_, place) => this.#numbered(place))
  }

  /**
   * The sidecar has handled everything up to `ca`. False when that contradicts what it has said, or
   * what was sent: then nothing changes.
   */
  acknowledged(ca: number): boolean {
    const count = ca - this.#handled
    if (count < 0 || count > this.#kept.length) return false
    for (const { bytes } of this.#kept.splice(0, count)) this.#bytes -= bytes
    this.#handled = ca
    return true
  }

  /** A fresh list says that `ca` was handled: whatever is kept after that goes on from there. */
  countFrom(ca: number): void {
    if (!this.acknowledged(ca)) this.#handled = ca
  }

  /** The connection is lost, on which all that is kept was sent. */
  lost(closeCode: number): void {
    const fault = faultOf(closeCode)
    if (fault !== undefined) this.#suspect = { c: this.#handled + this.#kept.length, fault }
  }

  /** Gives up the frame that ended the connection before this one; what to say of it. */
  giveUpSuspect(): Refusal | undefined {
    const suspect = this.#suspect
    this.#suspect = undefined
    // The sidecar reads one frame after the other: it is the first that was not handled.
    if (suspect === undefined || this.#handled >= suspect.c) return undefined
    return this.#giveUpFirst() ? suspect.fault : undefined
  }

  /** The first frame that is kept did not count, again or for the first time. */
  notCounted(): Remedy {
    const times = this.#uncounted.after === this.#handled ? this.#uncounted.times + 1 : 1
    this.#uncounted = { after: this.#handled, times }
    if (times === 1) return 'send again'
    return times === 2 ? 'ask for a list' : 'give up'
  }

  /** Gives up a frame that does not count; what to say of it. */
  giveUpUncounted(): Refusal | undefined {
    return this.#giveUpFirst() ? UNCOUNTED : undefined
  }

  /** Gives up what is over the limit of the sidecar that is there now; what to say of each. */
  giveUpLarge(limit: number | undefined): Refusal[] {
    const large = this.#kept.filter(({ bytes }) => limit !== undefined && bytes > limit)
    this.#kept = this.#kept.filter((kept) => !large.includes(kept))
    for (const { bytes } of large) this.#bytes -= bytes
    return large.map(({ bytes }) => tooLarge('frame', bytes, limit ?? 0))
  }

  /** What tells the sidecar what was handled here; on any frame. */
  acknowledge(): { a: number } {
    this.#told = this.#after
    return { a: this.#after }
  }

  #giveUpFirst(): boolean {
    const first = this.#kept.shift()
    this.#bytes -= first?.bytes ?? 0
    return first !== undefined
  }

  #numbered(place: number): object {
    return { ...this.#kept[place]?.frame, c: this.#handled + 1 + place, ...this.acknowledge() }
  }
}

/** What a frame takes on the wire with its numbers. Throws what `JSON.stringify` throws. */
export function frameBytes(frame: object): number {
  return byteLength(jsonText(frame) ?? '') + NUMBERS_BYTES
}
