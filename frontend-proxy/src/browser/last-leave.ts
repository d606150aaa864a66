/**
 * Makes sure that the sidecar learns that a client has left its last room, although the `leave` may
 * be ignored, or sent only on the next connection.
 */

import type { Connection } from './connection.ts'
import type { JoinRequest } from './join-request.ts'
import type { Membership } from './membership.ts'
import type { Slot } from './slots.ts'

/** Within this time, a join is answered, or its connection is lost. */
const ANSWERED_WITHIN_MS = 5_000

export class LastLeave {
  readonly #connection: Connection
  /** The room for which the last `leave` was sent. Undefined if the `leave` was sent again. */
  #room: string | undefined
  /** The room that the client has left before its join was answered, and when it left. */
  #unanswered: { readonly room: string; readonly leftAt: number } | undefined
  /** The membership for which no `leave` was sent, because there was no connection, and its slot. */
  #unsent: { readonly membership: Membership; readonly slot: Slot } | undefined
  /** The join that was only sent so that the client could leave. */
  #joinToLeave: JoinRequest | undefined

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Sends the `leave`. Returns false if there is no connection. */
  send(membership: Membership, slot: Slot | undefined): boolean {
    const { room, request } = membership
    if (request.isOnItsWay) this.#unanswered = { room, leftAt: Date.now() }
    const isSent = this.#connection.send({ type: 'leave' })
    this.#room = isSent ? room : undefined
    if (!isSent && membership.hasBeenInRoom && slot !== undefined) {
      this.#unsent = { membership, slot }
    }
    return isSent
  }

  /**
   * Must be called when a connection was opened. If the client has left a session without a
   * connection, resumes that session, and leaves it. Otherwise the others would see this peer as
   * away until the sidecar gives up waiting. Does nothing if another join continues the session, or
   * if the session has probably ended.
   */
  opened(): void {
    const { membership, slot } = this.#unsent ?? {}
    this.#unsent = undefined
    if (membership === undefined || slot === undefined || slot.isReplaced) return
    if (membership.request.hasProbablyEnded) return
    this.#joinToLeave = membership.request
    membership.sendJoin()
    this.#connection.send({ type: 'leave' })
    slot.release(true)
  }

  /**
   * Whether an error with this `ref` refuses the join that was only sent so that the client could
   * leave.
   */
  isRefusedBy(ref: unknown): boolean {
    return this.#joinToLeave?.isRefusedBy(ref) === true
  }

  /** Whether the next list for this room may answer the join of a membership that has ended. */
  expectsListFor(room: string): boolean {
    const { room: left, leftAt = 0 } = this.#unanswered ?? {}
    return left === room && Date.now() < leftAt + ANSWERED_WITHIN_MS
  }

  /**
   * Must be called when the sidecar may have ignored frames. `membership` is the client's current
   * membership.
   */
  sendAgain(membership: Membership | undefined): void {
    if (this.#room === undefined || !mustLeaveAgain(this.#room, membership)) return
    if (this.#connection.send({ type: 'leave' })) this.#room = undefined
  }
}

/**
 * Whether the client has to send the `leave` again. This is not needed if the client joins another
 * room, because the sidecar then removes it from the old room. But without a `leave`, the sidecar
 * would take a second join of the same room for a request for a new list, and the other peers
 * would not learn the new instance.
 */
function mustLeaveAgain(leftRoom: string, membership: Membership | undefined): boolean {
  if (membership === undefined) return true
  return membership.room === leftRoom && membership.asking && !membership.hasBeenInRoom
}
