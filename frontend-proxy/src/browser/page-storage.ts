/** What is kept of a page: `sessionStorage` for its tab, `localStorage` for its browser. */
export type PageStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

/** Undefined where there is none (not a page), or the user blocks it: then even reading it throws. */
export function pageStorage(kind: 'localStorage' | 'sessionStorage'): PageStorage | undefined {
  try {
    return globalThis[kind]
  } catch (error) {
    if (error instanceof DOMException && error.name === 'SecurityError') return undefined
    throw error
  }
}
