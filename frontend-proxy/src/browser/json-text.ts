/** Writes JSON that every reader accepts: text without half surrogate pairs. */

/**
 * Matches half a surrogate pair in JSON text, where `JSON.stringify` writes it as an escape sequence.
 * It also matches an escaped backslash, because `\\\\ud83d` is a backslash and five letters.
 */
const HALVES = /\\\\|\\u(d[89a-f][0-9a-f]{2})/g
const REPLACEMENT = '\ufffd'

/**
 * Does what `JSON.stringify` does, but replaces half of a surrogate pair (`'😀'.slice(0, 1)`) with
 * U+FFFD, as `WebSocket.send` does.
 *
 * Returns undefined for a value that JSON cannot represent, such as a function. Throws a TypeError
 * for a BigInt or a circular object, and a RangeError for an object with thousands of levels.
 */
export function jsonText(value: unknown): string | undefined {
  const text: string | undefined = JSON.stringify(value)
  return text?.replace(HALVES, (found, half) => (half === undefined ? found : REPLACEMENT))
}

/**
 * Replaces half surrogate pairs in a string that is later compared with an answer of the sidecar.
 * Throws a TypeError with the name `what` if it is not a string, which plain JavaScript allows.
 */
export function wellFormed(text: string, what: string): string {
  if (typeof text !== 'string') {
    throw new TypeError(`${what} must be a string, but its type is ${typeof text}`)
  }
  return text.replace(/\p{Surrogate}/gu, REPLACEMENT)
}

const encoder = new TextEncoder()

/** Returns the length of a text in UTF-8, which is how a WebSocket sends it. */
export function byteLength(text: string): number {
  return encoder.encode(text).length
}
