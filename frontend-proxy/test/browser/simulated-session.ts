/** The sessions of a `SimulatedSidecar`, and the frames of PROTOCOLS.md that it knows. */

export const GRACE_MS = 30_000

/** A frame of a client, without the fields that the sidecar only relays. */
export interface ClientFrame {
  readonly type: string
  readonly id?: string
  readonly roomId?: string
  readonly peerId?: string
  readonly instance?: string
  readonly name?: string
  readonly resume?: true | { readonly token: string; readonly after?: number }
  readonly to?: string
  readonly c?: number
  readonly a?: number
}

export type SidecarFrame = Record<string, unknown> & { readonly type: string }

/** The connection of a client, as the sidecar sees it. */
export interface ClientConnection {
  post(frame: SidecarFrame): void
  end(code: number, reason: string): void
}

/** The session of a peer in a room, which continues while the peer has no connection. */
export class Session {
  connection: ClientConnection | undefined
  name: string | undefined
  instance: string | undefined
  /** The newest token, and the earlier one, which is valid until the client uses the newest one. */
  tokens: string[] = []
  /** Whether the client has sent a frame after its first list. If so, the client knows its token. */
  knowsToken = false
  /** How many numbered frames were sent to the client. */
  sent = 0
  /** The numbered frames that the client has not acknowledged. */
  kept: SidecarFrame[] = []
  /** How many numbered frames of the client were handled. */
  handled = 0
  /** The sessions that were told that this one is away. */
  toldAway = new Set<Session>()
  noticeTimer: ReturnType<typeof setTimeout> | undefined
  graceTimer: ReturnType<typeof setTimeout> | undefined

  constructor(
    readonly room: string,
    readonly peerId: string,
    readonly joinedAt: number,
  ) {}

  get description() {
    const { peerId, joinedAt, name, instance } = this
    return { peerId, joinedAt, name, instance }
  }

  stopTimers(): void {
    clearTimeout(this.noticeTimer)
    clearTimeout(this.graceTimer)
  }

  hasKeptAllAfter(s: number): boolean {
    return this.kept.length >= this.sent - s
  }

  /** Sends a numbered frame, and keeps it until the client acknowledges it. */
  tell(frame: SidecarFrame): void {
    this.sent += 1
    const numbered = { ...frame, s: this.sent }
    this.kept.push(numbered)
    this.connection?.post(numbered)
  }

  acknowledge(s: number): void {
    this.kept = this.kept.filter((frame) => Number(frame.s) > s)
  }

  /** Whether a numbered frame of the client must be handled, because it is the next one. */
  counts(c: number): boolean {
    if (c === this.handled + 1) {
      this.handled = c
      this.connection?.post({ type: 'ack', ca: c })
      return true
    }
    const [code, ca] = ['out-of-order', this.handled]
    if (c > ca) this.connection?.post({ type: 'error', code, message: code, ca })
    return false
  }

  /** Takes over the profile of a join, and returns what has changed. */
  update({ name, instance }: ClientFrame): object {
    const before = this.description
    this.name = name
    this.instance = instance
    return {
      ...(name !== before.name && { name }),
      ...(instance !== before.instance && { instance }),
    }
  }
}
