/** Writes JSON without lone surrogates (halves of a pair), which some JSON parsers refuse. */

/**
 * Matches a lone surrogate in JSON text, where `JSON.stringify` writes it as an escape sequence
 * such as `\ud83d`. Also matches an escaped backslash, so that `\\ud83d` (a backslash, followed by
 * `ud83d`) is not taken for an escape sequence.
 */
const HALVES = /\\\\|\\u(d[89a-f][0-9a-f]{2})/g
const REPLACEMENT = '\ufffd'

/**
 * Works like `JSON.stringify`, but replaces each lone surrogate (such as `'😀'.slice(0, 1)`) with
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
 * Replaces lone surrogates in a string that is later compared with an answer of the sidecar. Throws
 * a TypeError if `text` is not a string, which plain JavaScript allows. `what` is the string's name
 * in the error message.
 */
export function wellFormed(text: string, what: string): string {
  if (typeof text !== 'string') {
    throw new TypeError(`${what} must be a string, but its type is ${typeof text}`)
  }
  return text.replace(/\p{Surrogate}/gu, REPLACEMENT)
}

const encoder = new TextEncoder()

/** Returns how many bytes a text has in UTF-8, the encoding of WebSocket text messages. */
export function byteLength(text: string): number {
  return encoder.encode(text).length
}
