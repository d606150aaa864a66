/**
 * Observes an RTCPeerConnection and reports what happens to it.
 *
 * The app does not notice the observer: the observer adds its own event listeners, and the methods
 * that it wraps return the same values and throw the same errors as before.
 */

import { randomId } from './identity.ts'
import {
  type Reporter,
  type Stats,
  stamped,
  type TraceReport,
  withoutAddresses,
} from './trace-report.ts'

const STATS_EVERY_MS = 5_000
const STATE_EVENTS = [
  'connectionstatechange',
  'iceconnectionstatechange',
  'icegatheringstatechange',
  'signalingstatechange',
] as const
/** The methods whose errors an app easily overlooks: their promise rejects, and nothing else happens. */
const METHODS = ['setLocalDescription', 'setRemoteDescription', 'addIceCandidate'] as const
const UFRAG = /^a=ice-ufrag:(\S+)/m
const CANDIDATE = /^a=candidate:/m

/**
 * The key at which an RTCPeerConnection stores its observer. All copies of this module that a page
 * loads use the same key.
 */
const OBSERVER = Symbol.for('signaling-sidecar.observer')

interface Observed extends RTCPeerConnection {
  [OBSERVER]?: Observer
}

/**
 * Calls `report` for every event of `pc` until `pc` is closed. If `observe` is called again for the
 * same `pc`, the new `report` replaces the earlier one. If the second call comes before the next
 * microtask, only the new `report` gets the event `opened`.
 */
export function observe(pc: RTCPeerConnection, report: Reporter, peerId?: string): void {
  const observed: Observed = pc
  if (observed[OBSERVER] !== undefined) observed[OBSERVER].redirect(report, peerId)
  else observed[OBSERVER] = new Observer(pc, report, peerId)
}

type Known<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }

class Observer {
  readonly #pc: RTCPeerConnection
  readonly #id: string = randomId()
  #report: Reporter
  #peerId: string | undefined
  #last = ''
  #isConnected = false
  #isClosed = false
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(pc: RTCPeerConnection, report: Reporter, peerId: string | undefined) {
    this.#pc = pc
    this.#report = report
    this.#peerId = peerId
    for (const name of STATE_EVENTS) pc.addEventListener(name, () => this.#changed())
    pc.addEventListener('icecandidateerror', ({ errorCode, errorText }) =>
      this.#failed('gather', String(errorCode), errorText),
    )
    for (const name of METHODS) this.#wrap(name)
    const close = pc.close.bind(pc)
    pc.close = () => {
      close()
      this.#closed()
    }
    queueMicrotask(() => this.#opened())
  }

  /** Sends all further reports to another function. */
  redirect(report: Reporter, peerId: string | undefined): void {
    this.#report = report
    this.#peerId = peerId ?? this.#peerId
  }

  #send(report: TraceReport): void {
    this.#report(
      stamped({ ...report, pc: this.#id, ...(this.#peerId && { peerId: this.#peerId }) }),
    )
  }

  #opened(): void {
    const { iceTransportPolicy = 'all', iceServers = [] } = this.#pc.getConfiguration()
    const urls = iceServers.flatMap(({ urls }) => urls)
    const turnServers = urls.filter((url) => url.startsWith('turn')).length
    this.#send({ event: 'opened', policy: iceTransportPolicy, turnServers })
    this.#changed()
  }

  #changed(): void {
    if (this.#isClosed) return
    const state = this.#state()
    const text = JSON.stringify(state)
    if (text !== this.#last) this.#send({ event: 'state', ...state })
    this.#last = text
    const isConnected = this.#pc.connectionState === 'connected'
    if (isConnected === this.#isConnected) return
    this.#isConnected = isConnected
    clearInterval(this.#timer)
    if (!isConnected) return
    void this.#sendStats('selected')
    this.#timer = setInterval(() => void this.#sendStats('stats'), STATS_EVERY_MS)
  }

  #state(): Partial<TraceReport> {
    const pc = this.#pc
    const transport = pc.sctp?.transport ?? pc.getSenders()[0]?.transport
    // `localDescription` contains the candidates that were gathered so far. `remoteDescription`
    // contains the remote candidates that were added so far.
    const [local, remote] = [pc.localDescription?.sdp, pc.remoteDescription?.sdp]
    const [localUfrag, remoteUfrag] = [local, remote].map((sdp) => UFRAG.exec(sdp ?? '')?.[1])
    return {
      connection: pc.connectionState,
      ice: pc.iceConnectionState,
      gathering: pc.iceGatheringState,
      signaling: pc.signalingState,
      ...(transport && { dtls: transport.state }),
      ...(localUfrag !== undefined && { localUfrag }),
      ...(remoteUfrag !== undefined && { remoteUfrag }),
      ...(local !== undefined && { hasLocal: CANDIDATE.test(local) }),
      ...(remote !== undefined && { hasRemote: CANDIDATE.test(remote) }),
    }
  }

  async #sendStats(event: 'selected' | 'stats'): Promise<void> {
    const all = await this.#pc.getStats()
    if (this.#isClosed) return
    const entries = [...all.values()]
    const transport = entries.find(({ type }) => type === 'transport')
    const pair = all.get(transport?.selectedCandidatePairId)
    const stats: Stats = present({
      bytesSent: transport?.bytesSent ?? pair?.bytesSent,
      bytesReceived: transport?.bytesReceived ?? pair?.bytesReceived,
      rttMs: pair?.currentRoundTripTime && 1000 * pair.currentRoundTripTime,
      packetsLost: lostPackets(entries),
      outgoingBitsPerSecond: pair?.availableOutgoingBitrate,
    })
    const [local, remote] = [pair?.localCandidateId, pair?.remoteCandidateId].map((id) => {
      const candidate = all.get(id)
      return present({
        type: candidate?.candidateType,
        protocol: candidate?.protocol,
        networkType: candidate?.networkType,
      })
    })
    if (event === 'stats') this.#send({ event, stats })
    else if (local && remote) this.#send({ event, pair: { local, remote }, stats })
  }

  #wrap(name: (typeof METHODS)[number]): void {
    const pc = this.#pc as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
    const method = pc[name]?.bind(pc)
    if (method === undefined) return
    pc[name] = async (...args) => {
      try {
        return await method(...args)
      } catch (error) {
        if (error instanceof Error) this.#failed(name, error.name, error.message)
        throw error
      } finally {
        // During an ICE restart, `setRemoteDescription` fires no event, so the state is checked
        // here.
        this.#changed()
      }
    }
  }

  #failed(operation: string, name: string, message: string): void {
    if (this.#isClosed) return
    this.#send({ event: 'error', operation, name, message: withoutAddresses(message) })
  }

  #closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#send({ event: 'closed', connection: 'closed' })
  }
}

function lostPackets(entries: { type: string; packetsLost?: number }[]): number | undefined {
  const received = entries.filter(({ type }) => type === 'inbound-rtp')
  if (received.length === 0) return undefined
  return received.reduce((sum, { packetsLost = 0 }) => sum + packetsLost, 0)
}

/** Returns a copy without the fields that are undefined. */
function present<Fields extends object>(fields: Fields): Known<Fields> {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known) as Known<Fields>
}
