/** Reads the verdicts on pairs of peers, and what was refused, as `sidecar why` states them. */

import { each, object, parseObject, text } from '../browser/untrusted-json.ts'
import type { Room, State } from './messages.ts'
import { STATES } from './states.ts'

export interface Why {
  /** On the peers that are in a room now. */
  readonly verdicts: readonly Verdict[]
  readonly rejections: readonly Rejection[]
}

export interface Verdict {
  readonly dialect: string
  readonly room: string
  readonly peers: readonly [string, string]
  readonly state: State
  readonly sentence: string
  readonly nextStep: string | undefined
}

/** A request to join a room that was refused, or an offer to somebody who is not there. */
export interface Rejection {
  readonly sentence: string
  readonly nextStep: string | undefined
}

/**
 * Asks about one room, or about all of them.
 *
 * Rejects with an error whose message is a sentence for the developer.
 */
export async function fetchWhy(api: string, of?: Room): Promise<Why> {
  const query = new URLSearchParams(of && { dialect: of.dialect, room: of.room })
  const response = await fetch(`${api}why?${query}`)
  const body = await response.text()
  const { verdicts, rejections, message } = parseObject(body) ?? {}
  if (Array.isArray(verdicts) && Array.isArray(rejections))
    return {
      verdicts: each(verdicts.filter(areTogether), parseVerdict),
      rejections: each(rejections, parseRejection),
    }
  throw new Error(text(message) ?? `The inspector answered ${response.status}.`)
}

function areTogether(verdict: unknown): boolean {
  return object(verdict)?.together === true
}

function parseVerdict(value: unknown): Verdict | undefined {
  const fields = object(value)
  const [dialect, room] = [text(fields?.dialect), text(fields?.room)]
  const peers = parsePair(fields?.peers)
  const state = STATES.find((each) => each === fields?.state)
  const told = parseRejection(value)
  if (dialect === undefined || room === undefined || !peers || !state || !told) return undefined
  return { dialect, room, peers, state, ...told }
}

function parsePair(value: unknown): [string, string] | undefined {
  if (!Array.isArray(value)) return undefined
  const [one, other] = each(value, text)
  return one !== undefined && other !== undefined ? [one, other] : undefined
}

function parseRejection(value: unknown): Rejection | undefined {
  const fields = object(value)
  const sentence = text(fields?.sentence)
  return sentence === undefined ? undefined : { sentence, nextStep: text(fields?.next_step) }
}
