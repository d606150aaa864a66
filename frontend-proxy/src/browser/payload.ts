/**
 * What an app sends to other peers, as fields of a frame and back.
 *
 * A payload may have any fields: a chess move is `{ from: 12, to: 28 }`, a description has a `type`.
 * Those whose names the protocol uses itself travel in one field of their own, `$payload`. Whoever
 * speaks the protocol without this library sees them there.
 */

import { byteLength, jsonText, wellFormed } from './json-text.ts'
import type { Profile } from './signaling-events.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Why a frame is not sent, with the code that the sidecar would have refused it with. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

const WRAPPER = '$payload'
const RESERVED: ReadonlySet<string> = new Set([
  ...['type', 'to', 'from', 's', 'a', 'c', 'ca', 'resume'],
  WRAPPER,
])

/** The sidecar reads some 900 levels; whoever reads its log may read fewer. */
const MAX_DEPTH = 200

/** As the sidecar has them: a name is shown on one line, metadata go to everybody at every join. */
const MAX_NAME_BYTES = 128
const MAX_METADATA_BYTES = 4096

export const TOO_DEEP: Refusal = {
  code: 'bad-json',
  message: `nested too deeply: limit is ${MAX_DEPTH} levels`,
}

/**
 * The payload as other peers get it: what `JSON.stringify` keeps of it, `toJSON` methods included.
 * Undefined when it is nested too deeply. Throws a TypeError for what is no object, or cannot be
 * written as JSON.
 */
export function plain(payload: object): Fields | undefined {
  const copy = jsonCopy(payload)
  if (copy === undefined || isDeeper(copy, MAX_DEPTH)) return undefined
  if (typeof copy === 'object' && copy !== null && !Array.isArray(copy)) return { ...copy }
  const other = copy === null ? 'null in JSON' : `of type ${typeof copy}`
  const kind = Array.isArray(copy) ? 'an array' : other
  throw new TypeError(
    `what is sent must be an object, and is ${kind}: write { value: … } around it`,
  )
}

function jsonCopy(value: unknown): unknown {
  try {
    return JSON.parse(jsonText(value) ?? 'null')
  } catch (error) {
    if (error instanceof RangeError) return undefined // the call stack is not deep enough for it
    throw error
  }
}

/** The payload without names that a frame uses itself. */
export function wrap(payload: Fields): Fields {
  const entries = Object.entries(payload)
  const isReserved = ([name]: [string, unknown]) => RESERVED.has(name)
  if (!entries.some(isReserved)) return payload
  const free = entries.filter((entry) => !isReserved(entry))
  return { ...Object.fromEntries(free), [WRAPPER]: Object.fromEntries(entries.filter(isReserved)) }
}

/** The payload that `wrap` was given. */
export function unwrap(fields: Fields): Fields {
  const { [WRAPPER]: wrapped, ...free } = fields
  if (typeof wrapped !== 'object' || wrapped === null || Array.isArray(wrapped)) return fields
  return { ...free, ...wrapped }
}

/** The profile as the others see it, and nothing else. Throws a TypeError as `plain` does. */
export function plainProfile({ name, metadata }: Profile): Profile {
  const copy = metadata && plain(metadata)
  if (metadata && copy === undefined) throw new TypeError(`metadata: ${TOO_DEEP.message}`)
  return {
    ...(name !== undefined && { name: typeof name === 'string' ? wellFormed(name, 'name') : name }),
    ...(copy && { metadata: copy }),
  }
}

/** Why the sidecar would not let the others see this; undefined when it would. */
export function refuseProfile({ name, metadata }: Profile): Refusal | undefined {
  if (name !== undefined && typeof name !== 'string') {
    return { code: 'bad-field', message: "'name' must be a string" }
  }
  const nameBytes = byteLength(name ?? '')
  if (nameBytes > MAX_NAME_BYTES) return tooLarge('name', nameBytes, MAX_NAME_BYTES)
  if (/\p{Cc}/u.test(name ?? '')) {
    return { code: 'bad-field', message: "'name' must be without control characters" }
  }
  const metadataBytes = byteLength(jsonText(metadata) ?? '')
  if (metadataBytes <= MAX_METADATA_BYTES) return undefined
  return tooLarge('metadata', metadataBytes, MAX_METADATA_BYTES)
}

export function tooLarge(field: string, bytes: number, limit: number): Refusal {
  return { code: 'too-large', message: `'${field}' has ${bytes} bytes: limit is ${limit} bytes` }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1))
}
