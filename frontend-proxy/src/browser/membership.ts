/**
 * One stay in a room, over all the connections that it takes.
 *
 * 1. It is `joined` from the room's answer until the connection is lost.
 * 2. With a sidecar that can resume, what is sent from the first answer on is numbered and kept
 *    until it was handled; nothing of it goes out before the room has answered on this connection.
 */

import type { Connection } from './connection.ts'
import type { PeerListFrame, ResumedFrame, ServerFrame } from './frames.ts'
import type { Identity } from './identity.ts'
import type { Admission } from './join-request.ts'
import { type Refusal, tooLarge } from './payload.ts'
import { faultOf, frameBytes, Resumption } from './resumption.ts'

/** Lets acknowledgements of some frames go together, and with whatever is sent meanwhile. */
const ACK_WITHIN_MS = 1_000
/** After `too-fast`: the sidecar's limit is per second. */
const SLOW_DOWN_MS = 1_000
/** After `out-of-order`: until its like, for frames that were on their way, have all arrived. */
const DRAINED_AFTER_MS = 200

type Timer = ReturnType<typeof setTimeout>

export class Membership {
  readonly room: string
  readonly #connection: Connection
  readonly #admission: Admission
  readonly #refused: (refusal: Refusal) => void
  /** Undefined before the first answer, and for good with a sidecar that cannot resume. */
  #resumption: Resumption | undefined
  #joined = false
  /** Whether the room was asked, and has not answered on this connection. */
  #asking = false
  #maxFrameBytes: number | undefined
  #slowUntil = 0
  #ackTimer: Timer | undefined
  #againTimer: Timer | undefined

  /** `refused` is told of each frame that is not sent, or not sent again. */
  constructor(connection: Connection, admission: Admission, refused: (refusal: Refusal) => void) {
    this.room = admission.room
    this.#connection = connection
    this.#admission = admission
    this.#refused = refused
  }

  get identity(): Identity {
    return this.#admission.identity
  }

  get joined(): boolean {
    return this.#joined
  }

  /** Asks for the room on a new connection. */
  sendJoin(): void {
    this.#asking = true
    const { token, after } = this.#resumption ?? {}
    this.#admission.ask(token === undefined ? undefined : { token, after })
  }

  /** How it asks for the room. */
  get admission(): Admission {
    return this.#admission
  }

  /** Why the room will never answer, when it was the join that has ended the connection. */
  disconnected(closeCode: number): Refusal | undefined {
    const wasAsking = this.#asking
    if (this.#joined) this.#resumption?.lost(closeCode)
    this.#joined = false
    this.#asking = false
    this.#admission.stop()
    return wasAsking ? faultOf(closeCode) : undefined
  }

  end(): void {
    this.#admission.stop()
    clearTimeout(this.#ackTimer)
    clearTimeout(this.#againTimer)
  }

  /** Sends now or when resumed; false: neither. */
  send(frame: object): boolean {
    const resumption = this.#resumption
    const bytes = frameBytes(frame)
    if (this.#maxFrameBytes !== undefined && bytes > this.#maxFrameBytes) {
      this.#refused(tooLarge('frame', bytes, this.#maxFrameBytes))
      return false
    }
    if (resumption === undefined) return this.#joined && this.#connection.send(frame)
    if (!resumption.keep(frame)) return false
    if (this.#joined && resumption.last !== undefined) this.#connection.send(resumption.last)
    return true
  }

  /** The sidecar has not counted a frame of ours, nor what came after it. */
  notCounted(code: string): void {
    if (code !== 'out-of-order') {
      // It says so once a second only, whatever else it lets fall until then.
      this.#slowUntil = Date.now() + 2 * SLOW_DOWN_MS
      this.#sendAgain(SLOW_DOWN_MS)
    } else if (Date.now() < this.#slowUntil) this.#sendAgain(SLOW_DOWN_MS)
    else if (this.#joined && this.#againTimer === undefined) this.#outOfOrder()
  }

  #outOfOrder(): void {
    const remedy = this.#resumption?.notCounted()
    if (remedy === 'send again') {
      this.#sendAgain(DRAINED_AFTER_MS)
      return
    }
    if (remedy === 'give up') this.#giveUp(this.#resumption?.giveUpUncounted())
    this.#askForList()
  }

  /** Once for all refusals that asked for it meanwhile. */
  #sendAgain(inMs: number): void {
    this.#againTimer ??= setTimeout(() => {
      this.#againTimer = undefined
      if (this.#asking) this.sendJoin()
      else this.#sendKept()
    }, inMs)
  }

  /** The two sides disagree about their numbers: the list will say where they stand. */
  #askForList(): void {
    const resumption = this.#resumption
    if (!this.#joined || resumption === undefined) return
    this.#joined = false
    this.#asking = true
    this.#admission.ask({ token: resumption.token })
  }

  #giveUp(...refusals: (Refusal | undefined)[]): void {
    for (const refusal of refusals) if (refusal !== undefined) this.#refused(refusal)
  }

  /** Takes a frame's numbers; false when it was handled before, or cannot be yet. */
  accepts({ s, ca }: ServerFrame): boolean {
    const resumption = this.#resumption
    if (resumption === undefined) return true
    if (ca !== undefined && !resumption.acknowledged(ca)) this.#askForList()
    const place = s === undefined ? 'next' : resumption.receive(s)
    if (place === 'hole') this.#connection.reconnect()
    if (resumption.owes === 'now') this.#acknowledge()
    else if (resumption.owes === 'soon') {
      this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_WITHIN_MS)
    }
    return place === 'next'
  }

  /** The session goes on; false when it is another's. */
  resumed({ roomId, peerId, resume, ca = 0 }: ResumedFrame): boolean {
    const resumption = this.#resumption
    if (resumption === undefined) return false
    if (roomId !== this.room || peerId !== this.identity.peerId) return false
    resumption.renew(resume)
    const agrees = resumption.acknowledged(ca)
    this.#admission.admitted({ peerId, token: resume.token })
    this.#answered()
    if (agrees) this.#giveUp(resumption.giveUpSuspect())
    else this.#askForList()
    this.#sendKept()
    return true
  }

  /**
   * With a `gap` the session is the same one, and what is kept for it still counts. Else it is over,
   * and the sidecar gives the next one an id of its own: not to one who has chosen his.
   */
  notResumed(why: string): void {
    if (why !== 'token') return
    this.#resumption = undefined
    if (this.#admission.isChosen) this.#admission.askAnew()
  }

  /**
   * The room has answered with a list. `undefined`: to a join that another join or a leave has
   * overtaken; else who the room says that this page is.
   */
  answered(list: PeerListFrame): Identity | undefined {
    const peerId = list.peerId ?? this.identity.peerId
    const isRenamed = peerId !== this.identity.peerId
    if ((list.roomId ?? this.room) !== this.room) return undefined
    if (isRenamed && (list.resume === undefined || this.#admission.isChosen)) return undefined
    if (!this.#admission.showsProof) this.#resumption = undefined
    this.#admission.admitted({ peerId, token: list.resume?.token })
    this.#resumption = this.#resumptionAfter(list)
    this.#maxFrameBytes = list.maxFrameBytes
    this.#answered()
    this.#giveUp(this.#resumption?.giveUpSuspect())
    this.#giveUp(...(this.#resumption?.giveUpLarge(list.maxFrameBytes) ?? []))
    this.#sendKept()
    return this.identity
  }

  #resumptionAfter({ resume, s = 0, ca = 0 }: PeerListFrame): Resumption | undefined {
    if (resume === undefined) return undefined
    if (this.#resumption === undefined) return new Resumption(resume, s, ca)
    this.#resumption.renew(resume, s)
    this.#resumption.countFrom(ca)
    return this.#resumption
  }

  #answered(): void {
    this.#joined = true
    this.#asking = false
  }

  #sendKept(): void {
    if (!this.#joined) return
    for (const frame of this.#resumption?.all ?? []) this.#connection.send(frame)
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer)
    this.#ackTimer = undefined
    const resumption = this.#resumption
    if (!this.#joined || resumption === undefined || resumption.owes === 'nothing') return
    this.#connection.send({ type: 'ack', ...resumption.acknowledge() })
  }
}
