/** Who a tab is in a room, and the random ids that it takes for that. */

import { number, parseObject, text } from './frames.ts'

const ID_BYTES = 12 // 96 bits: no two of a room ever meet, and short enough to read in a log

/** What the sidecar takes for an id, or a refusal would outlive every reload. */
const ID = /^[^\p{Cc}]{1,128}$/u

/** Not `crypto.randomUUID`: a page on `http://192.168.…` is no secure context and has none. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Who a tab is in one room, and how it proves it. */
export interface Identity {
  readonly peerId: string
  /** Of its session, if that can be resumed. */
  readonly token?: string | undefined
  /**
   * Of a join that was not answered, so that there is no token yet: the sidecar gives the place to
   * the same instance when that asks again.
   */
  readonly instance?: string | undefined
  /** When a page last had it, ms since the epoch; undefined: one has it now. */
  readonly usedAt?: number | undefined
}

/** What was stored, or undefined: anything on this origin may write there. */
export function parseIdentity(stored: string | null | undefined): Identity | undefined {
  const fields = parseObject(stored)
  const peerId = text(fields?.peerId)
  if (fields === undefined || peerId === undefined || !ID.test(peerId)) return undefined
  return {
    peerId,
    token: text(fields.token),
    instance: text(fields.instance),
    usedAt: number(fields.usedAt),
  }
}
