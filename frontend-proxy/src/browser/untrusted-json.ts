/**
 * Reads values from JSON that is not trusted.
 *
 * Each function returns the value if it has the expected type, and `undefined` otherwise. No
 * function throws, and none uses a type assertion.
 */

export type Fields = Readonly<Record<string, unknown>>

/** Parses JSON text that contains an object. */
export function parseObject(data: unknown): Fields | undefined {
  if (typeof data !== 'string') return undefined
  try {
    return object(JSON.parse(data))
  } catch {
    return undefined // The text is not JSON.
  }
}

export function object(value: unknown): Fields | undefined {
  return isObject(value) ? value : undefined
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** Parses every item of a list, and leaves out the items that `parse` cannot read. */
export function each<Item>(
  values: readonly unknown[],
  parse: (value: unknown) => Item | undefined,
): Item[] {
  return values.map(parse).filter((item) => item !== undefined)
}
