/**
 * What a client keeps so that nothing is lost or doubled when its connection is: the numbers of
 * both directions, and its own frames until the sidecar has handled them.
 *
 * 1. Frames from the sidecar are numbered `s` = 1, 2, 3…; `after` is the last that was handled here.
 * 2. Frames to the sidecar that must arrive are numbered `c` = 1, 2, 3…, and kept until a `ca`.
 * 3. What is kept has no hole: it is sent again from its first number, in order.
 */

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
const MAX_KEPT_CHARS = 262_144
/** Unacknowledged frames after which the sidecar is told, though nothing else is to be said. */
const ACK_AFTER_FRAMES = 16

interface Kept {
  readonly c: number
  readonly frame: object
  readonly chars: number
}

export class Resumption {
  #token: string
  #after: number
  #told: number
  #sent: number
  #kept: Kept[] = []
  #chars = 0

  /** `after` and `handled` are where both directions stand, in a session that was there before. */
  constructor(ticket: Ticket, after = 0, handled = 0) {
    this.#token = ticket.token
    this.#after = after
    this.#told = after
    this.#sent = handled
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
    const chars = JSON.stringify(frame).length
    if (this.#kept.length >= MAX_KEPT_FRAMES || this.#chars + chars > MAX_KEPT_CHARS) return false
    this.#sent += 1
    this.#kept.push({ c: this.#sent, frame, chars })
    this.#chars += chars
    return true
  }

  /** The frame that was kept last, as it is sent. */
  get last(): object | undefined {
    const kept = this.#kept.at(-1)
    return kept && this.#numbered(kept)
  }

  /** All that is kept, as it is sent. */
  get all(): object[] {
    return this.#kept.map((kept) => this.#numbered(kept))
  }

  /** The sidecar has handled everything up to `ca`. */
  acknowledged(ca: number): void {
    while (this.#kept[0] !== undefined && this.#kept[0].c <= ca) {
      this.#chars -= this.#kept.shift()?.chars ?? 0
    }
    // A reloaded page goes on where the page before it stopped.
    this.#sent = Math.max(this.#sent, ca)
  }

  /** What tells the sidecar what was handled here; on any frame. */
  acknowledge(): { a: number } {
    this.#told = this.#after
    return { a: this.#after }
  }

  #numbered({ frame, c }: Kept): object {
    return { ...frame, c, ...this.acknowledge() }
  }
}
