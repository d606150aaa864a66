/**
 * Represents a client's membership in one room, from `join()` until the client leaves. A membership
 * continues when the connection is lost and opened again.
 *
 * 1. `joined` is true from the sidecar's answer to the join until the connection is lost, and false
 *    while the client asks for a new list of peers.
 * 2. If the sidecar can resume sessions, each frame that the client sends after the first answer
 *    gets a number, and is kept until the sidecar has handled it. On a new connection, the kept
 *    frames are sent only after the sidecar has answered the join.
 */

import type { Connection } from './connection.ts'
import type { PeerListFrame, ResumedFrame, ServerFrame } from './frames.ts'
import type { Identity } from './identity.ts'
import type { JoinRequest } from './join-request.ts'
import { type Refusal, tooLarge } from './payload.ts'
import { faultOf, frameBytes, Resumption } from './resumption.ts'
import { TurnPasswords } from './turn-passwords.ts'

/**
 * An acknowledgement is delayed by at most this time, so that it can cover several frames or be
 * sent as a field of another frame.
 */
const ACK_WITHIN_MS = 1_000
/** The pause after the error `too-fast`. The sidecar limits the number of frames per second. */
export const SLOW_DOWN_MS = 1_000
/**
 * The pause after the error `out-of-order`. The sidecar sends this error for every frame that was
 * already on its way. The client waits, so that it sends the kept frames again only once.
 */
const DRAINED_AFTER_MS = 200

type Timer = ReturnType<typeof setTimeout>

export class Membership {
  readonly room: string
  readonly #connection: Connection
  readonly #request: JoinRequest
  readonly #refused: (refusal: Refusal) => void
  /**
   * The numbers and kept frames of the session. Undefined before the first answer, and if the
   * sidecar cannot resume sessions.
   */
  #resumption: Resumption | undefined
  /** Whether the sidecar has answered a join on this connection. */
  #isInRoom = false
  /** True while a join is waiting for the sidecar's answer. */
  #asking = false
  /** Whether the next list may answer an earlier join for the same room on this connection. */
  #expectsOldList: boolean
  #maxFrameBytes: number | undefined
  /**
   * True from the loss of a connection until the next list of peers, because a restart of the
   * sidecar may change the limit.
   */
  #isLimitOld = false
  #slowUntil = 0
  #ackTimer: Timer | undefined
  #againTimer: Timer | undefined
  readonly #passwords = new TurnPasswords(() => this.#askForPasswords())

  /**
   * `refused` is called for each frame that is too large or that is dropped. `expectsOldList` is true
   * if the client has just left this room before its join was answered.
   */
  constructor(
    connection: Connection,
    request: JoinRequest,
    refused: (refusal: Refusal) => void,
    expectsOldList: boolean,
  ) {
    this.room = request.room
    this.#connection = connection
    this.#request = request
    this.#refused = refused
    this.#expectsOldList = expectsOldList
  }

  get identity(): Identity {
    return this.#request.identity
  }

  get joined(): boolean {
    return this.#isInRoom && !this.#asking
  }

  /** Whether this connection is in the room, also while the client asks for a new list. */
  get isInRoom(): boolean {
    return this.#isInRoom
  }

  /** Whether a join of this membership was answered, on this connection or an earlier one. */
  get hasBeenInRoom(): boolean {
    return this.#isInRoom || this.#resumption !== undefined
  }

  /** Whether a join waits for its answer. */
  get asking(): boolean {
    return this.#asking
  }

  /** Sends the join on a new connection. */
  sendJoin(): void {
    this.#asking = true
    const { token, after } = this.#resumption ?? {}
    this.#request.ask(token === undefined ? undefined : { token, after })
  }

  get request(): JoinRequest {
    return this.#request
  }

  /**
   * Handles the loss of the connection. If the sidecar closed the connection because of the join
   * itself, returns the reason. (The same join would fail again.)
   */
  disconnected(closeCode: number): Refusal | undefined {
    const wasAsking = this.#asking
    if (this.joined) this.#resumption?.lost(closeCode)
    this.#isInRoom = false
    this.#asking = false
    this.#isLimitOld = true
    this.#expectsOldList = false
    this.#request.stop()
    return wasAsking ? faultOf(closeCode) : undefined
  }

  end(): void {
    this.#request.stop()
    clearTimeout(this.#ackTimer)
    clearTimeout(this.#againTimer)
    this.#passwords.stop()
  }

  /** Sends or keeps a frame. Returns false if the frame can be neither sent nor kept. */
  send(frame: object): boolean {
    const resumption = this.#resumption
    const bytes = frameBytes(frame)
    const limit = this.#maxFrameBytes ?? Number.POSITIVE_INFINITY
    if (bytes > limit && !this.#isLimitOld) {
      this.#refused(tooLarge('frame', bytes, limit))
      return false
    }
    if (resumption === undefined) return this.joined && this.#connection.send(frame)
    if (!resumption.keep(frame)) return false
    if (bytes > limit) this.#askForList()
    const last = this.joined ? resumption.last() : undefined
    if (last !== undefined) this.#connection.send(last)
    return true
  }

  /** Must be called when the sidecar ignores a numbered frame and all frames that follow it. */
  frameIgnored(code: 'out-of-order' | 'too-fast'): void {
    if (code === 'too-fast') {
      // The sidecar sends `too-fast` at most once per second, but may ignore more frames in that
      // second without an error.
      this.#slowUntil = Date.now() + 2 * SLOW_DOWN_MS
    } else if (Date.now() < this.#slowUntil) this.#sendAgain(SLOW_DOWN_MS)
    else if (this.joined && this.#againTimer === undefined) this.#outOfOrder()
  }

  #outOfOrder(): void {
    const remedy = this.#resumption?.numberRefused()
    if (remedy === 'send again') {
      this.#sendAgain(DRAINED_AFTER_MS)
      return
    }
    if (remedy === 'drop') this.#reportDropped(this.#resumption?.dropUncounted())
    this.#askForList()
  }

  /** Calls `sendAgain` after a delay. Further calls during the delay have no effect. */
  #sendAgain(inMs: number): void {
    this.#againTimer ??= setTimeout(() => this.sendAgain(), inMs)
  }

  /** Sends the join again if it is not answered yet, and otherwise the kept frames. */
  sendAgain(): void {
    clearTimeout(this.#againTimer)
    this.#againTimer = undefined
    if (this.#asking) this.sendJoin()
    else this.#sendKept()
  }

  /**
   * Asks for a new list of peers, because the frame numbers of the client and the sidecar disagree,
   * or a kept frame is larger than the last known limit. The new list contains the frame numbers
   * that the sidecar has stored, and its limit.
   */
  #askForList(): void {
    const resumption = this.#resumption
    if (!this.joined || resumption === undefined) return
    this.#asking = true
    this.#request.ask({ token: resumption.token })
  }

  #askForPasswords(): boolean {
    const resumption = this.#resumption
    if (!this.joined || resumption === undefined) return false
    this.#request.ask({ token: resumption.token })
    return true
  }

  #reportDropped(...refusals: (Refusal | undefined)[]): void {
    for (const refusal of refusals) if (refusal !== undefined) this.#refused(refusal)
  }

  /**
   * Handles the numbers of a received frame. Returns false if the frame must be ignored, because it
   * was handled before or an earlier frame is missing.
   */
  accepts({ s, ca }: ServerFrame): boolean {
    const resumption = this.#resumption
    if (resumption === undefined) return true
    if (ca !== undefined && !resumption.acknowledged(ca)) this.#askForList()
    const position = s === undefined ? 'next' : resumption.receive(s)
    if (position === 'gap') this.#connection.reconnect()
    if (resumption.acknowledgementDue === 'now') this.#acknowledge()
    else if (resumption.acknowledgementDue === 'soon') {
      this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_WITHIN_MS)
    }
    return position === 'next'
  }

  /** Handles a `resumed` frame. Returns false if the frame belongs to another session. */
  resumed({ roomId, peerId, resume, ca = 0 }: ResumedFrame): boolean {
    const resumption = this.#resumption
    if (resumption === undefined) return false
    if (roomId !== this.room || peerId !== this.identity.peerId) return false
    resumption.renew(resume)
    const agrees = resumption.acknowledged(ca)
    this.#request.accepted({ peerId, token: resume.token })
    this.#answered()
    if (agrees && !resumption.hasLarge(this.#maxFrameBytes))
      this.#reportDropped(resumption.dropSuspect())
    else this.#askForList()
    this.#sendKept()
    return true
  }

  /**
   * Handles a `not_resumed` frame. If `why` is `gap`, the session continues and the client keeps
   * its frames. If `why` is `token`, the session has ended, and the sidecar begins a new one under
   * a new id. If the app has chosen an id, the client leaves the new session, and joins again with
   * the chosen id.
   */
  notResumed(why: string): void {
    if (why !== 'token') return
    this.#resumption = undefined
    if (this.#request.isIdChosen) this.#request.askForNewSession()
  }

  /**
   * Handles a list of peers if the client has only asked for new TURN passwords. Otherwise returns
   * false.
   */
  renewed({ peerId, resume, ca = 0, iceServers }: PeerListFrame): boolean {
    const isExpected = this.#passwords.isAsking && !this.#asking && peerId === this.identity.peerId
    if (!isExpected || resume === undefined) return false
    this.#passwords.isAsking = false
    this.#resumption?.renew(resume)
    this.#request.accepted({ peerId, token: resume.token })
    this.#passwords.received(iceServers)
    if (this.#resumption?.acknowledged(ca) === false) this.#askForList()
    return true
  }

  /**
   * Handles the refusal of a join that has only asked for new TURN passwords. Returns false if the
   * refused join was another one.
   */
  renewalRefused(): boolean {
    if (!this.#passwords.isAsking || this.#asking) return false
    this.#passwords.isAsking = false
    this.#request.accepted(this.identity) // The client is still in the room.
    return true
  }

  /**
   * Handles a list of peers, which is the answer to a join. Returns the client's identity, or
   * undefined if the list answers an old join: the client has left or joined again since then.
   */
  answered(list: PeerListFrame): Identity | undefined {
    const peerId = list.peerId ?? this.identity.peerId
    const isRenamed = peerId !== this.identity.peerId
    if ((list.roomId ?? this.room) !== this.room) return undefined
    if (isRenamed && (list.resume === undefined || this.#request.isIdChosen)) return undefined
    if (this.#expectsOldList) {
      this.#expectsOldList = false
      // If the sidecar has not answered the earlier join, this list was the answer to the later one,
      // and no other list follows. Then the join is sent again.
      this.#sendAgain(SLOW_DOWN_MS)
      return undefined
    }
    if (!this.#request.includesProof) this.#resumption = undefined
    const keptUpdates = this.#resumption !== undefined
    this.#request.accepted({ peerId, token: list.resume?.token })
    this.#resumption = this.#resumptionAfter(list)
    this.#maxFrameBytes = list.maxFrameBytes
    this.#isLimitOld = false
    this.#passwords.received(list.iceServers)
    this.#answered()
    this.#reportDropped(this.#resumption?.dropSuspect())
    this.#reportDropped(...(this.#resumption?.dropLarge(list.maxFrameBytes) ?? []))
    this.#sendKept()
    // An update between the join and this answer could be neither sent nor kept.
    const profile = keptUpdates ? undefined : this.#request.changedProfile
    if (profile !== undefined) this.send({ type: 'update', ...profile })
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
    this.#isInRoom = true
    this.#asking = false
    this.#passwords.joined()
  }

  #sendKept(): void {
    if (!this.joined) return
    for (const frame of this.#resumption?.all() ?? []) this.#connection.send(frame)
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer)
    this.#ackTimer = undefined
    const resumption = this.#resumption
    if (!this.joined || resumption === undefined || resumption.acknowledgementDue === 'no') return
    this.#connection.send({ type: 'ack', ...resumption.acknowledge() })
  }
}
