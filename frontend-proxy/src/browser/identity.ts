/** Defines and parses the identity of a tab in a room, and creates random ids. */

import { number, parseObject, text } from './untrusted-json.ts'

// The length of a random id. With 96 bits, two equal ids are practically impossible, and an id is
// short enough to read in a log.
const ID_BYTES = 12

const MAX_ID_BYTES = 128 // in UTF-8; the limit of the sidecar

/**
 * Returns a random id. `crypto.randomUUID` is missing on insecure pages such as `http://192.168.…`.
 */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * The peer id of a tab in one room, and the token or instance that proves to the sidecar that the
 * id belongs to the tab.
 */
export interface Identity {
  readonly peerId: string
  /**
   * The session token, which proves that the session belongs to this tab. Undefined if the session
   * cannot be resumed.
   */
  readonly token?: string | undefined
  /**
   * The instance of a join that the sidecar has not answered yet. (There is no session token before
   * the answer.) If the sidecar has received that join, it accepts a second join with the same peer
   * id only if the instance is the same, too.
   */
  readonly instance?: string | undefined
  /** When a page last used this identity (ms since the epoch). Undefined while a page uses it. */
  readonly usedAt?: number | undefined
  /** True if the identity was read from the storage. A page stores it there when it is unloaded. */
  readonly isStored?: true
}

/**
 * Parses a stored identity. Checks each field, because any script on this origin can write to the
 * storage.
 */
export function parseIdentity(stored: string | null | undefined): Identity | undefined {
  const fields = parseObject(stored)
  const peerId = text(fields?.peerId)
  if (fields === undefined || peerId === undefined || !isValidId(peerId)) return undefined
  return {
    peerId,
    token: text(fields.token),
    instance: text(fields.instance),
    usedAt: number(fields.usedAt),
    isStored: true,
  }
}

/** Whether the sidecar accepts this id. It would refuse an invalid id after every reload. */
function isValidId(id: string): boolean {
  return /^\P{Cc}+$/u.test(id) && new TextEncoder().encode(id).length <= MAX_ID_BYTES
}
