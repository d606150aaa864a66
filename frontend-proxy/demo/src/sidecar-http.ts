/** What the sidecar answers beside its WebSocket, to a page. */

const PATH = '/ws/signaling'

export function urlBeside(name: string, query: Readonly<Record<string, string>> = {}): string {
  const text = new URLSearchParams(query).toString()
  return `${PATH}/${name}${text === '' ? '' : `?${text}`}`
}

/** `absent`: this sidecar has no such answer, and will not have one later. */
export type Answer = { readonly json: unknown } | 'absent' | undefined

/** Undefined: not now. */
export async function ask(name: string, query?: Readonly<Record<string, string>>): Promise<Answer> {
  try {
    const response = await fetch(urlBeside(name, query), {
      headers: { Accept: 'application/json' },
    })
    if (response.status === 404) return 'absent'
    return response.ok ? { json: await response.json() } : undefined
  } catch (error) {
    // No network, or cut off in the middle of its JSON.
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The fields of a JSON object; none of anything else. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

export function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** A link to a page, in one of its rooms; undefined when that is no URL of a page. */
export function roomUrl(page: unknown, room: string | undefined): URL | undefined {
  if (typeof page !== 'string' || !URL.canParse(page)) return undefined
  const url = new URL(page)
  if (!['http:', 'https:'].includes(url.protocol)) return undefined
  if (room !== undefined) url.search = new URLSearchParams({ room }).toString()
  return url
}
