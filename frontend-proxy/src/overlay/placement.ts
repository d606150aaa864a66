/** Stores the corner and the size of the badge for all pages of this origin. */

import { pageStorage } from '../browser/page-storage.ts'
import { parseObject, text } from '../browser/untrusted-json.ts'

const KEY = 'signaling-sidecar:overlay'
/** The corners of the page, in the order in which the badge moves through them. */
const CORNERS = ['bottom-right', 'bottom-left', 'top-left', 'top-right'] as const

export interface Placement {
  readonly corner: (typeof CORNERS)[number]
  /** Whether the badge shows only its sign, without text. */
  readonly isSmall: boolean
}

/**
 * Returns the stored placement. Checks the stored values, because any script on this origin can
 * write to the storage.
 */
export function storedPlacement(): Placement {
  const stored = parseObject(pageStorage('localStorage')?.getItem(KEY))
  const corner = CORNERS.find((each) => each === text(stored?.corner)) ?? CORNERS[0]
  return { corner, isSmall: stored?.isSmall === true }
}

export function storePlacement(placement: Placement): void {
  try {
    pageStorage('localStorage')?.setItem(KEY, JSON.stringify(placement))
  } catch (error) {
    // The app has filled the storage, so the change is lost when the page is reloaded.
    if (!(error instanceof DOMException && error.name === 'QuotaExceededError')) throw error
  }
}

export function nextCorner(corner: Placement['corner']): Placement['corner'] {
  return CORNERS[(CORNERS.indexOf(corner) + 1) % CORNERS.length] ?? CORNERS[0]
}
