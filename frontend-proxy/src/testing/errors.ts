import { SIDECAR_NAME } from '../plugin/names.ts'
import { isFolder } from '../plugin/project-folders.ts'
import type { Peer, Rejection, Verdict } from './verdict.ts'

/** A room does not have the expected number of peers, or not all of them are connected. The message says why. */
export class NotConnectedError extends Error {
  override readonly name = 'NotConnectedError'
  readonly room: string
  readonly dialect: string
  /** The number of peers that should have been in the room. */
  readonly expected: number
  /** The time limit, in milliseconds, within which they should have been connected. */
  readonly within: number
  /** The peers that were in the room, and not away, when the test gave up. */
  readonly peers: readonly Peer[]
  /** The verdicts on every two of these peers that were not connected. */
  readonly verdicts: readonly Verdict[]
  readonly rejections: readonly Rejection[]
  /** The file with the event log. */
  readonly log: string

  constructor(found: Unconnected) {
    super(messageOf(found))
    this.room = found.room
    this.dialect = found.dialect
    this.expected = found.expected
    this.within = found.within
    this.peers = found.peers
    this.verdicts = found.verdicts
    this.rejections = found.rejections
    this.log = found.log
  }
}

/** The fields of a NotConnectedError: what the test expected in the room, and what it found instead. */
type Unconnected = Omit<NotConnectedError, keyof Error>

/** No program could be started as a sidecar. */
export class SidecarStartError extends Error {
  override readonly name = 'SidecarStartError'
  /** One text for each program that was tried, with the reason why it does not run as a sidecar. */
  readonly attempts: readonly string[]

  /** `isMissing` tells whether no program runs as a sidecar here, so that the message should say how to install one. */
  constructor(attempts: readonly string[], isMissing: boolean) {
    const reasons = attempts.length > 0 ? attempts.join('\n') : 'no sidecar was found'
    const step = `→ install it with "pip install ${SIDECAR_NAME}" (in .venv or on PATH), or install uv`
    super(isMissing ? `${reasons}\n${step}` : reasons)
    this.attempts = attempts
  }
}

const IN_VITEST =
  '\n→ Vitest starts a sidecar with that option only in browser mode; in other tests, call startSidecar() instead'

/** No sidecar runs for this project and its dev server. */
export class SidecarNotFoundError extends Error {
  override readonly name = 'SidecarNotFoundError'
  /** The folder of the app. */
  readonly project: string

  /** `isAnnounced` tells whether a Vite of this project runs with the option `test`. */
  constructor(project: string, isAnnounced: boolean) {
    const app = `the app in ${project}${isFolder(project) ? '' : ', which is not a folder'}`
    super(
      isAnnounced
        ? `the Vite of the app in ${project} is running, but its sidecar is not\n→ Vite has printed the reason`
        : `no sidecar is running for ${app}\n→ start its Vite with signaling({ test: true }), or name the folder of the app with connectToSidecar({ project }) if that is not the right folder${process.env.VITEST ? IN_VITEST : ''}`,
    )
    this.project = project
  }
}

/** The sidecar has ended, or does not answer any more. */
export class SidecarGoneError extends Error {
  override readonly name = 'SidecarGoneError'
  readonly url: string

  constructor(url: string, reason: string) {
    super(`the sidecar at ${url} ${reason}`)
    this.url = url
  }
}

/** The sidecar has refused a request of a test, for example to remove a peer that is not in the room. */
export class SidecarRefusedError extends Error {
  override readonly name = 'SidecarRefusedError'
  /** A code that does not change between releases, such as `no-such-peer`. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

function messageOf(found: Unconnected): string {
  const { room, expected, within, verdicts, rejections, log } = found
  const wanted = expected === 1 ? '1 peer was' : `${expected} peers were`
  const state = `${wanted} expected in the room '${room}', ${stateOf(found)} after ${within} ms`
  const reasons = [...verdicts.flatMap(linesOfVerdict), ...rejections.flatMap(linesOfRejection)]
  const lines = reasons.length > 0 ? [`${state}:`, ...reasons] : [state]
  return [...lines, `Event log: ${log}`].join('\n')
}

function stateOf({ expected, peers, verdicts }: Unconnected): string {
  if (peers.length !== expected) return `but ${are(peers.length)} there`
  if (verdicts.length === 0) return 'and they were connected, but only'
  return `and ${are(expected)} there, but not all are connected`
}

function are(count: number): string {
  return count === 0 ? 'nobody is' : count === 1 ? '1 is' : `${count} are`
}

function linesOfVerdict({ sentence, notes, next_step: step }: Verdict): string[] {
  return [sentence, ...notes.map((note) => `  ${note}`), ...linesOfStep(step)]
}

function linesOfRejection({ sentence, next_step: step, times }: Rejection): string[] {
  return [times > 1 ? `${sentence}, ${times} times` : sentence, ...linesOfStep(step)]
}

function linesOfStep(step: string | null): string[] {
  return step === null ? [] : [`  → ${step}`]
}
