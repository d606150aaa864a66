import type { PageStorage } from '../../src/browser/page-storage.ts'

/** The `sessionStorage` of a tab, or the `localStorage` of a browser. */
export class FakeStorage implements PageStorage {
  readonly items: Map<string, string>

  constructor(items = new Map<string, string>()) {
    this.items = items
  }

  getItem(key: string): string | null {
    return this.items.get(key) ?? null
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value)
  }

  removeItem(key: string): void {
    this.items.delete(key)
  }
}
