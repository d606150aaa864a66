/** Sends requests to the sidecar's HTTP endpoints, whose paths begin with the path of its WebSocket. */

const PATH = '/ws/signaling'

export function sidecarUrl(name: string, query: Readonly<Record<string, string>> = {}): string {
  const text = new URLSearchParams(query).toString()
  return `${PATH}/${name}${text === '' ? '' : `?${text}`}`
}

/** The answer to a request. `absent` means that this sidecar does not have the endpoint. */
export type Answer = { readonly json: unknown } | 'absent' | undefined

/** Sends a GET request. Returns undefined if the request has failed and may succeed later. */
export async function get(name: string, query?: Readonly<Record<string, string>>): Promise<Answer> {
  try {
    const response = await fetch(sidecarUrl(name, query), {
      headers: { Accept: 'application/json' },
    })
    if (response.status === 404) return 'absent'
    return response.ok ? { json: await response.json() } : undefined
  } catch (error) {
    // The network failed before the answer arrived, or in the middle of the JSON text.
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Returns a value if it is an object, and otherwise an object without fields. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** Returns a value if it is a list, and otherwise an empty list. */
export function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/**
 * Returns the URL that opens this room, or the lobby, in the app at `page`. Returns undefined if `page` is not an
 * http(s) URL.
 */
export function roomUrl(page: unknown, room: string | undefined): URL | undefined {
  if (typeof page !== 'string' || !URL.canParse(page)) return undefined
  const url = new URL(page)
  if (!['http:', 'https:'].includes(url.protocol)) return undefined
  if (room !== undefined) url.search = new URLSearchParams({ room }).toString()
  return url
}
