/**
 * Converts the payload that an app sends to other peers into the fields of a frame, and back.
 *
 * A payload may have any fields: a chess move is `{ from: 12, to: 28 }`, and a session description
 * has a `type`. If the protocol uses the name of a field itself, the field is sent inside the field
 * `$payload`. A client without this library receives these fields in `$payload`.
 */

import { byteLength, jsonText, wellFormed } from './json-text.ts'
import type { Profile } from './signaling-events.ts'
import type { Fields } from './untrusted-json.ts'

/**
 * The reason why a frame is refused. `code` is the error code of the sidecar, even if the client
 * refuses the frame before it is sent.
 */
export interface Refusal {
  readonly code: string
  readonly message: string
}

const WRAPPER = '$payload'
const RESERVED: ReadonlySet<string> = new Set([
  ...['type', 'to', 'from', 's', 'a', 'c', 'ca', 'resume'],
  WRAPPER,
])

/**
 * How deeply a payload may be nested. The sidecar accepts about 900 levels, but some programs that
 * read its log accept fewer.
 */
const MAX_DEPTH = 200

/**
 * The sidecar's limits. A name has to fit on one line. Metadata must be small, because each new
 * peer receives the metadata of all peers.
 */
const MAX_NAME_BYTES = 128
const MAX_METADATA_BYTES = 4096

export const TOO_DEEP: Refusal = {
  code: 'bad-json',
  message: `nested too deeply: limit is ${MAX_DEPTH} levels`,
}

/**
 * Returns the payload as other peers receive it: a copy with only the values that `JSON.stringify`
 * writes. Returns undefined if the payload is nested too deeply. Throws a TypeError if the payload
 * is not an object, or if JSON cannot represent it.
 */
export function plain(payload: object): Fields | undefined {
  const copy = jsonCopy(payload)
  if (copy === undefined || isDeeper(copy, MAX_DEPTH)) return undefined
  if (typeof copy === 'object' && copy !== null && !Array.isArray(copy)) return { ...copy }
  const other = copy === null ? 'null in JSON' : `of type ${typeof copy}`
  const kind = Array.isArray(copy) ? 'an array' : other
  throw new TypeError(
    `a payload must be an object, but this one is ${kind}: write { value: … } around it`,
  )
}

function jsonCopy(value: unknown): unknown {
  try {
    return JSON.parse(jsonText(value) ?? 'null')
  } catch (error) {
    // The value is nested more deeply than the call stack allows.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Moves each field whose name the protocol uses itself into `$payload`. */
export function wrap(payload: Fields): Fields {
  const entries = Object.entries(payload)
  const isReserved = ([name]: [string, unknown]) => RESERVED.has(name)
  if (!entries.some(isReserved)) return payload
  const free = entries.filter((entry) => !isReserved(entry))
  return { ...Object.fromEntries(free), [WRAPPER]: Object.fromEntries(entries.filter(isReserved)) }
}

/** Undoes `wrap`: moves the fields in `$payload` back to the top level. */
export function unwrap(fields: Fields): Fields {
  const { [WRAPPER]: wrapped, ...free } = fields
  if (typeof wrapped !== 'object' || wrapped === null || Array.isArray(wrapped)) return fields
  return { ...free, ...wrapped }
}

/** Returns the profile as the other peers receive it. Throws a TypeError for invalid `metadata`. */
export function plainProfile({ name, metadata }: Profile): Profile {
  const copy = metadata && plain(metadata)
  if (metadata && copy === undefined) throw new TypeError(`metadata: ${TOO_DEEP.message}`)
  return {
    ...(name !== undefined && { name: typeof name === 'string' ? wellFormed(name, 'name') : name }),
    ...(copy && { metadata: copy }),
  }
}

/** Returns the reason why the sidecar would refuse this profile, or undefined. */
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

/**
 * Returns the options that are neither undefined nor null. In plain JavaScript an option may be
 * null, for instance the result of `localStorage.getItem('id')`.
 */
export function withoutMissing<Options extends object>(options: Options): Options {
  const given = Object.entries(options).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(given) as Options
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1))
}
