/** JSON as it is sent: always well-formed, so that the sidecar can read it. */

/** In JSON text: an escaped backslash, or half a surrogate pair, which `JSON.stringify` escapes. */
const HALVES = /\\\\|\\u(d[89a-f][0-9a-f]{2})/g
const REPLACEMENT = '\ufffd'

/**
 * Half an emoji (`'😀'.slice(0, 1)`) becomes U+FFFD, as in every string that a browser sends.
 * Undefined for what JSON has no word for. Throws what `JSON.stringify` throws: a TypeError for a
 * BigInt and for a circular object, a RangeError for one that is nested some thousand levels deep.
 */
export function jsonText(value: unknown): string | undefined {
  const text: string | undefined = JSON.stringify(value)
  return text?.replace(HALVES, (found, half) => (half === undefined ? found : REPLACEMENT))
}

/**
 * The same for a string that is also compared with what the sidecar answers. Throws a TypeError that
 * names `what` it is when it is no string: plain JavaScript lets a page pass a number.
 */
export function wellFormed(text: string, what: string): string {
  if (typeof text !== 'string') {
    throw new TypeError(`${what} must be a string, and is of type ${typeof text}`)
  }
  return text.replace(/\p{Surrogate}/gu, REPLACEMENT)
}

const encoder = new TextEncoder()

/** How many bytes a text has on the wire. */
export function byteLength(text: string): number {
  return encoder.encode(text).length
}
