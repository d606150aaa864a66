/**
 * Makes a session resumable: no frame is lost or handled twice when the connection is lost.
 * `Resumption` stores the frame numbers of both directions, and keeps the client's own frames until
 * the sidecar has handled them.
 *
 * 1. The sidecar numbers its frames `s` = 1, 2, 3… `after` is the number of the last frame that the
 *    client has handled.
 * 2. The client numbers its frames `c` = 1, 2, 3… and keeps each one until the sidecar acknowledges
 *    its number with `ca`.
 * 3. The kept frames have consecutive numbers. The first of these numbers follows the last one that
 *    the sidecar has acknowledged.
 * 4. If a sidecar is killed while it cannot write its log, the restarted sidecar does not know the
 *    last frames that it has acknowledged. The client then asks for a new list of peers, and
 *    continues with the numbers of that list.
 * 5. The client drops a frame that made the sidecar close the connection, and a frame whose number
 *    the sidecar has refused three times.
 */

import { byteLength, jsonText } from './json-text.ts'
import { type Refusal, tooLarge } from './payload.ts'

/**
 * The data with which the client can resume the session later. The sidecar sends this data in a
 * frame.
 */
export interface Ticket {
  readonly token: string
  /** How long the sidecar keeps the session without a connection. */
  readonly graceMs: number | undefined
  /** Whether the session survives a restart of the sidecar. */
  readonly durable: boolean
}

// How many frames the client keeps. The sidecar also keeps at most 256 frames for a session.
const MAX_KEPT_FRAMES = 256
/** How many bytes are kept: enough for 60 offers of a page that shares 16 tracks (68 KB each). */
const MAX_KEPT_BYTES = 4_194_304
/** How many bytes the fields `c` and `a` add to a frame at most. */
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
/** After this many frames without an acknowledgement, the client sends an `ack` frame at once. */
const ACK_AFTER_FRAMES = 16

interface Kept {
  readonly frame: object
  readonly bytes: number
}

/** What to do when the sidecar has refused the number of a frame. */
export type Remedy = 'send again' | 'ask for a list' | 'drop'

/**
 * If this close code means that one of our frames caused the close, returns what was wrong with
 * that frame.
 */
export function faultOf(closeCode: number): Refusal | undefined {
  return FAULTS.get(closeCode)
}

export class Resumption {
  #token: string
  /** The sidecar's number (`s`) for the last frame that this client has handled. */
  #after: number
  /** The sidecar's number (`s`) for the last frame that this client has acknowledged. */
  #acknowledgedTo: number
  /** The client's number (`c`) for the last frame that the sidecar has acknowledged. */
  #handled: number
  #kept: Kept[] = []
  #bytes = 0
  /** The highest `c` on the last connection, if one of our frames made the sidecar close it. */
  #suspect: { readonly c: number; readonly fault: Refusal } | undefined
  /** How often in a row the sidecar has refused the frame with the number `after` + 1. */
  #uncounted = { after: -1, times: 0 }

  /** `after` and `handled` are the fields `s` and `ca` of the list of peers; 0 in a new session. */
  constructor(ticket: Ticket, after = 0, handled = 0) {
    this.#token = ticket.token
    this.#after = after
    this.#acknowledgedTo = after
    this.#handled = handled
  }

  get token(): string {
    return this.#token
  }

  /** The sidecar's number (`s`) for the last frame that this client has handled. */
  get after(): number {
    return this.#after
  }

  /** Says whether, and how soon, the client has to send an acknowledgement. */
  get acknowledgementDue(): 'now' | 'soon' | 'no' {
    const count = this.#after - this.#acknowledgedTo
    if (count === 0) return 'no'
    return count >= ACK_AFTER_FRAMES ? 'now' : 'soon'
  }

  /**
   * Stores the new token. Pass `after` if a list of peers replaces all frames up to this number.
   */
  renew(ticket: Ticket, after: number = this.#after): void {
    this.#token = ticket.token
    this.#after = after
    this.#acknowledgedTo = after
  }

  /**
   * Says whether the frame with this number is the next one, was received before, or follows a gap.
   */
  receive(s: number): 'next' | 'known' | 'gap' {
    if (s <= this.#after) return 'known'
    if (s > this.#after + 1) return 'gap'
    this.#after = s
    return 'next'
  }

  /** Keeps a frame and gives it a number. Returns false if too many frames are kept already. */
  keep(frame: object): boolean {
    const bytes = frameBytes(frame)
    if (this.#kept.length >= MAX_KEPT_FRAMES || this.#bytes + bytes > MAX_KEPT_BYTES) return false
    this.#kept.push({ frame, bytes })
    this.#bytes += bytes
    return true
  }

  /** Returns the last kept frame with the fields `c` (its number) and `a` (an acknowledgement). */
  last(): object | undefined {
    return this.#kept.length === 0 ? undefined : this.#numbered(this.#kept.length - 1)
  }

  /** Returns all kept frames with the fields `c` and `a`. */
  all(): object[] {
    return this.#kept.map((_, index) => this.#numbered(index))
  }

  /**
   * Drops the kept frames up to the number `ca`, which the sidecar has acknowledged. Returns false,
   * and changes nothing, if `ca` is lower than an earlier acknowledgement or higher than any `c`.
   */
  acknowledged(ca: number): boolean {
    const count = ca - this.#handled
    if (count < 0 || count > this.#kept.length) return false
    for (const { bytes } of this.#kept.splice(0, count)) this.#bytes -= bytes
    this.#handled = ca
    return true
  }

  /** Gives the kept frames new numbers, from `ca` + 1 on. `ca` is the last `c` that the sidecar has received. */
  countFrom(ca: number): void {
    if (!this.acknowledged(ca)) this.#handled = ca
  }

  /** Must be called when a connection is lost, if all kept frames were sent on that connection. */
  lost(closeCode: number): void {
    const fault = faultOf(closeCode)
    if (fault !== undefined) this.#suspect = { c: this.#handled + this.#kept.length, fault }
  }

  /**
   * Drops the frame that made the sidecar close the last connection, and returns what was wrong
   * with that frame.
   */
  dropSuspect(): Refusal | undefined {
    const suspect = this.#suspect
    this.#suspect = undefined
    // The sidecar handles frames in order, so the first unacknowledged frame caused the close.
    if (suspect === undefined || this.#handled >= suspect.c) return undefined
    return this.#dropFirst() ? suspect.fault : undefined
  }

  /** Returns what to do when the sidecar has refused the number of the first kept frame. */
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

  /** Whether a kept frame is larger than this limit. */
  hasLarge(limit: number = Number.POSITIVE_INFINITY): boolean {
    return this.#kept.some(({ bytes }) => bytes > limit)
  }

  /** Drops the kept frames that are larger than the sidecar's limit, and returns a reason for each. */
  dropLarge(limit: number | undefined): Refusal[] {
    const large = this.#kept.filter(({ bytes }) => limit !== undefined && bytes > limit)
    this.#kept = this.#kept.filter((kept) => !large.includes(kept))
    for (const { bytes } of large) this.#bytes -= bytes
    return large.map(({ bytes }) => tooLarge('frame', bytes, limit ?? 0))
  }

  /**
   * Returns the field `a`, which acknowledges all handled frames. This field can be added to any
   * frame.
   */
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

/**
 * Returns how many bytes a frame has at most, including its fields `c` and `a`. Throws what
 * `JSON.stringify` throws.
 */
export function frameBytes(frame: object): number {
  return byteLength(jsonText(frame) ?? '') + NUMBERS_BYTES
}
