/** The methods of `sessionStorage` and `localStorage` that the client uses. */
export type PageStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

/**
 * Returns the storage. Returns undefined outside of a page, or if the user blocks the storage:
 * reading the property then throws a SecurityError.
 */
export function pageStorage(kind: 'localStorage' | 'sessionStorage'): PageStorage | undefined {
  try {
    return globalThis[kind]
  } catch (error) {
    if (error instanceof DOMException && error.name === 'SecurityError') return undefined
    throw error
  }
}
