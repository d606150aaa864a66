import type { State } from './messages.ts'

/** The states of two peers, the worst first. */
export const STATES: readonly State[] = ['failed', 'trying', 'unknown', 'connected']

/** The signs that the terminal and the notebook use, too. */
const SIGNS: Readonly<Record<State, string>> = {
  failed: '✗',
  trying: '…',
  unknown: '?',
  connected: '✓',
}
/** Where there are no two peers, or nothing is known. */
const NO_STATE = '-'

export function signOf(state: State | undefined): string {
  return state === undefined ? NO_STATE : SIGNS[state]
}

/** Sorts the worst first. No state is the best. */
export function byBadness(one: State | null, other: State | null): number {
  return badness(one) - badness(other)
}

function badness(state: State | null): number {
  return state === null ? STATES.length : STATES.indexOf(state)
}
