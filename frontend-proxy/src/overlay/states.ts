import type { State } from './messages.ts'

/** The states of a pair of peers, the worst first. */
export const STATES: readonly State[] = ['failed', 'trying', 'unknown', 'connected']

/** The sign for each state. The terminal and the notebook use the same signs. */
const SIGNS: Readonly<Record<State, string>> = {
  failed: '✗',
  trying: '…',
  unknown: '?',
  connected: '✓',
}
/** The sign if there is no pair of peers, or no answer of the sidecar yet. */
const NO_STATE = '-'

export function signOf(state: State | undefined): string {
  return state === undefined ? NO_STATE : SIGNS[state]
}

/** Compares two states, to sort the worst first and `null` (no pair of peers) last. */
export function byBadness(one: State | null, other: State | null): number {
  return badness(one) - badness(other)
}

function badness(state: State | null): number {
  return state === null ? STATES.length : STATES.indexOf(state)
}
