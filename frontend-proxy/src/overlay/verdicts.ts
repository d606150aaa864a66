/** Fetches the verdicts on pairs of peers, and the refusals, which `sidecar why` prints too. */

import { each, object, parseObject, text } from '../browser/untrusted-json.ts'
import type { Room, State } from './messages.ts'
import { STATES } from './states.ts'

export interface Why {
  /** The verdicts on pairs whose two peers are in the room together now. */
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

/** A refused request to join a room, or a refused offer to a peer that is not in the room. */
export interface Rejection {
  readonly sentence: string
  readonly nextStep: string | undefined
}

/**
 * Fetches the verdicts and the refusals in one room, or in all rooms.
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
