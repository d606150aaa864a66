/** How a tab is known in a room, and the random ids that it uses. */

import { number, parseObject, text } from './untrusted-json.ts'

// 96 bits make two equal ids practically impossible, and are short enough to read in a log.
const ID_BYTES = 12

/** The ids that the sidecar accepts. A stored id that it refuses would be refused after each reload. */
const ID = /^[^\p{Cc}]{1,128}$/u

/** Does not use `crypto.randomUUID`, which is missing on insecure pages such as `http://192.168.…`. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** How a tab is known in one room, and what proves it to the sidecar. */
export interface Identity {
  readonly peerId: string
  /** Proves that the session belongs to this tab. Undefined if the session cannot be resumed. */
  readonly token?: string | undefined
  /**
   * The instance of a join that was not answered yet, so there is no token. If the sidecar did
   * receive that join, it accepts another one only from the same instance.
   */
  readonly instance?: string | undefined
  /** When a page last used it (ms since the epoch). Undefined while a page uses it. */
  readonly usedAt?: number | undefined
}

/** Parses a stored identity. Any script on this origin can write to the storage, so it is checked. */
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
