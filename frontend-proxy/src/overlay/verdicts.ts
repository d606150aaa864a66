/** Reads the verdicts on the pairs of peers in a room, as `sidecar why` states them. */

import { each, object, parseObject, text } from '../browser/untrusted-json.ts'
import type { Room, State } from './messages.ts'
import { STATES } from './states.ts'

export interface Verdict {
  readonly peers: readonly [string, string]
  readonly state: State
  readonly sentence: string
  readonly nextStep: string | undefined
}

/**
 * Returns the verdicts on the peers that are in the room now.
 *
 * Rejects with an error whose message is a sentence for the developer.
 */
export async function fetchVerdicts({ dialect, room }: Room, api: string): Promise<Verdict[]> {
  const response = await fetch(`${api}why?${new URLSearchParams({ dialect, room })}`)
  const body = await response.text()
  const { verdicts, message } = parseObject(body) ?? {}
  if (Array.isArray(verdicts)) return each(verdicts.filter(areTogether), parseVerdict)
  throw new Error(text(message) ?? `The inspector answered ${response.status}.`)
}

function areTogether(verdict: unknown): boolean {
  return object(verdict)?.together === true
}

function parseVerdict(value: unknown): Verdict | undefined {
  const fields = object(value)
  const peers = parsePair(fields?.peers)
  const state = STATES.find((each) => each === fields?.state)
  const sentence = text(fields?.sentence)
  if (!peers || !state || sentence === undefined) return undefined
  return { peers, state, sentence, nextStep: text(fields?.next_step) }
}

function parsePair(value: unknown): [string, string] | undefined {
  if (!Array.isArray(value)) return undefined
  const [one, other] = each(value, text)
  return one !== undefined && other !== undefined ? [one, other] : undefined
}
