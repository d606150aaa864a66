/**
 * Makes a session resumable: no frame is lost or handled twice when the connection is lost. It
 * stores frame numbers for both directions, and the client's own frames until the sidecar has
 * handled them.
 *
 * 1. The sidecar numbers its frames `s` = 1, 2, 3… `after` is the last number that was handled here.
 * 2. The client numbers its frames `c` = 1, 2, 3… and keeps each one until the sidecar acknowledges
 *    its number with `ca`.
 * 3. The kept frames have consecutive numbers. The first one follows the last acknowledged number.
 * 4. If a sidecar could not write its log and was then killed, it has forgotten frames that it had
 *    acknowledged. The client then asks for a new list of peers and continues with its numbers.
 * 5. The client drops a frame if it made the sidecar close the connection, or if the sidecar has
 *    refused its number several times.
 */

import { byteLength, jsonText } from './json-text.ts'
import { type Refusal, tooLarge } from './payload.ts'

/** What the sidecar sends so that the client can resume the session. */
export interface Ticket {
  readonly token: string
  /** How long the sidecar keeps the session without a connection. */
  readonly graceMs: number | undefined
  /** Whether the session survives a restart of the sidecar. */
  readonly durable: boolean
}

// The sidecar keeps the same number for this client. After a longer outage both sides start again.
const MAX_KEPT_FRAMES = 256
/** Room for the offers of a page that shares 16 tracks (68 KB each) to 60 peers at once. */
const MAX_KEPT_BYTES = 4_194_304
/** The length that `c` and `a` add to a frame, at most. */
const NUMBERS_BYTES = 48
/** The close codes with which the sidecar ends a connection because of one of our frames. */
const FAULTS: ReadonlyMap<number, Refusal> = new Map([
  [
    1009,
    {
      code: 'too-large',
      message: 'the sidecar closed the connection because a frame was too large',
    },
  ],
  [
    1007,
    {
      code: 'bad-json',
      message: 'the sidecar closed the connection because a frame was not valid text',
    },
  ],
])
const UNCOUNTED: Refusal = {
  code: 'out-of-order',
  message: 'a frame was dropped because the sidecar refused its number three times',
}
/** After so many unacknowledged frames, the client sends an `ack` frame without delay. */
const ACK_AFTER_FRAMES = 16

interface Kept {
  readonly frame: object
  readonly bytes: number
}

/** What to do when the sidecar has refused the number of a frame. */
export type Remedy = 'send again' | 'ask for a list' | 'drop'

/** Returns what was wrong with our frame, if this close code means that a frame of ours caused it. */
export function faultOf(closeCode: number): Refusal | undefined {
  return FAULTS.get(closeCode)
}

export class Resumption {
  #token: string
  /** The last number of the sidecar that was handled here. */
  #after: number
  /** The last number of the sidecar that we have acknowledged. */
  #acknowledgedTo: number
  /** The last of our numbers that the sidecar has acknowledged. */
  #handled: number
  #kept: Kept[] = []
  #bytes = 0
  /** The last number on a connection that the sidecar closed because of one of our frames. */
  #suspect: { readonly c: number; readonly fault: Refusal } | undefined
  /** How often the sidecar has refused the number that follows `after`. */
  #uncounted = { after: -1, times: 0 }

  /** `after` and `handled` are the last numbers of both directions if the session is not new. */
  constructor(ticket: Ticket, after = 0, handled = 0) {
    this.#token = ticket.token
    this.#after = after
    this.#acknowledgedTo = after
    this.#handled = handled
  }

  get token(): string {
    return this.#token
  }

  /** The last number of the sidecar that was handled here. */
  get after(): number {
    return this.#after
  }

  /** When the client has to send an acknowledgement. */
  get acknowledgementDue(): 'now' | 'soon' | 'no' {
    const count = this.#after - this.#acknowledgedTo
    if (count === 0) return 'no'
    return count >= ACK_AFTER_FRAMES ? 'now' : 'soon'
  }

  /** Stores the next token. `after` is given if a new list of peers replaces the frames up to it. */
  renew(ticket: Ticket, after: number = this.#after): void {
    this.#token = ticket.token
    this.#after = after
    this.#acknowledgedTo = after
  }

  /** Classifies a frame by its number: the next one, one that was handled already, or one after a gap. */
  receive(s: number): 'next' | 'known' | 'gap' {
    if (s <= this.#after) return 'known'
    if (s > this.#after + 1) return 'gap'
    this.#after = s
    return 'next'
  }

  /** Keeps a frame and gives it a number. Returns false, and keeps nothing, if there are too many. */
  keep(frame: object): boolean {
    const bytes = frameBytes(frame)
    if (this.#kept.length >= MAX_KEPT_FRAMES || this.#bytes + bytes > MAX_KEPT_BYTES) return false
    this.#kept.push({ frame, bytes })
    this.#bytes += bytes
    return true
  }

  /** Returns the last kept frame, with its numbers, which acknowledge what was handled here. */
  last(): object | undefined {
    return this.#kept.length === 0 ? undefined : this.#numbered(this.#kept.length - 1)
  }

  /** Returns all kept frames in the same way. */
  all(): object[] {
    return this.#kept.map((_, index) => this.#numbered(index))
  }

  /**
   * Drops the frames up to the acknowledged number `ca`. Returns false, and changes nothing, if `ca`
   * contradicts an earlier acknowledgement or a number that was never sent.
   */
  acknowledged(ca: number): boolean {
    const count = ca - this.#handled
    if (count < 0 || count > this.#kept.length) return false
    for (const { bytes } of this.#kept.splice(0, count)) this.#bytes -= bytes
    this.#handled = ca
    return true
  }

  /** Continues the numbers after `ca`, the last number that the sidecar knows about. */
  countFrom(ca: number): void {
    if (!this.acknowledged(ca)) this.#handled = ca
  }

  /** Must be called when a connection is lost on which all kept frames were sent. */
  lost(closeCode: number): void {
    const fault = faultOf(closeCode)
    if (fault !== undefined) this.#suspect = { c: this.#handled + this.#kept.length, fault }
  }

  /** Drops the frame that made the sidecar close the last connection, and returns what was wrong. */
  dropSuspect(): Refusal | undefined {
    const suspect = this.#suspect
    this.#suspect = undefined
    // The sidecar handles frames in order, so the first unacknowledged one caused the close.
    if (suspect === undefined || this.#handled >= suspect.c) return undefined
    return this.#dropFirst() ? suspect.fault : undefined
  }

  /** Must be called when the sidecar has refused the number of the first kept frame. */
  numberRefused(): Remedy {
    const times = this.#uncounted.after === this.#handled ? this.#uncounted.times + 1 : 1
    this.#uncounted = { after: this.#handled, times }
    if (times === 1) return 'send again'
    return times === 2 ? 'ask for a list' : 'drop'
  }

  /** Drops the frame with the refused number, and returns the reason. */
  dropUncounted(): Refusal | undefined {
    return this.#dropFirst() ? UNCOUNTED : undefined
  }

  /** Drops the kept frames that are larger than the sidecar's limit, and returns a reason for each. */
  dropLarge(limit: number | undefined): Refusal[] {
    const large = this.#kept.filter(({ bytes }) => limit !== undefined && bytes > limit)
    this.#kept = this.#kept.filter((kept) => !large.includes(kept))
    for (const { bytes } of large) this.#bytes -= bytes
    return large.map(({ bytes }) => tooLarge('frame', bytes, limit ?? 0))
  }

  /** Returns the field that acknowledges what was handled here. It can be added to any frame. */
  acknowledge(): { a: number } {
    this.#acknowledgedTo = this.#after
    return { a: this.#after }
  }

  #dropFirst(): boolean {
    const first = this.#kept.shift()
    this.#bytes -= first?.bytes ?? 0
    return first !== undefined
  }

  #numbered(index: number): object {
    return { ...this.#kept[index]?.frame, c: this.#handled + 1 + index, ...this.acknowledge() }
  }
}

/** Returns the length of a frame with its numbers. Throws what `JSON.stringify` throws. */
export function frameBytes(frame: object): number {
  return byteLength(jsonText(frame) ?? '') + NUMBERS_BYTES
}
