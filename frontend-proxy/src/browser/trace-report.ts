/**
 * What a page tells the sidecar's event log of its RTCPeerConnections, as `trace` frames. No
 * address is in them. `sidecar/signaling_sidecar/diagnosis/reports.py` reads them.
 */

/** A change of one connection, or (`page`, without `pc`) what the page itself is like. */
export interface TraceReport {
  readonly event: 'page' | 'opened' | 'state' | 'selected' | 'stats' | 'error' | 'closed'
  /** One load of a page. */
  readonly page?: string
  /** One RTCPeerConnection. */
  readonly pc?: string
  /** Whom it is to, if the app has said so. */
  readonly peerId?: string
  /** By the page's own clock, ms since the epoch. */
  readonly at?: number
  /** Whether it is a secure context, and has `navigator.mediaDevices`. */
  readonly secure?: boolean
  readonly media?: boolean
  readonly policy?: RTCIceTransportPolicy
  readonly turnServers?: number
  readonly connection?: RTCPeerConnectionState
  readonly ice?: RTCIceConnectionState
  readonly gathering?: RTCIceGatheringState
  readonly signaling?: RTCSignalingState
  readonly dtls?: RTCDtlsTransportState
  /** The key that joins this connection to its signals, and to the other side's. */
  readonly localUfrag?: string
  readonly remoteUfrag?: string
  /** The pair of candidates that ICE has chosen. */
  readonly pair?: { readonly local: CandidateKind; readonly remote: CandidateKind }
  readonly stats?: Stats
  /** The method that failed, and how. */
  readonly operation?: string
  readonly name?: string
  readonly message?: string
}

export interface CandidateKind {
  readonly type?: string
  readonly protocol?: string
  /** Such as `wifi`, where the browser says it. */
  readonly networkType?: string
}

/** Since the connection was made; absent: the browser does not say. */
export interface Stats {
  readonly bytesSent?: number
  readonly bytesReceived?: number
  readonly rttMs?: number
  readonly packetsLost?: number
  readonly outgoingBitsPerSecond?: number
}

/** Takes a report; nobody waits for it. */
export type Reporter = (report: TraceReport) => void

const PAGE_ID = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
  byte.toString(16).padStart(2, '0'),
).join('')

/** What this page is like, for its first report. */
export function pageReport(): TraceReport {
  const media: MediaDevices | undefined = globalThis.navigator?.mediaDevices
  return stamped({
    event: 'page',
    secure: globalThis.isSecureContext === true,
    media: media !== undefined,
  })
}

export function stamped(report: TraceReport): TraceReport {
  return { ...report, page: PAGE_ID, at: Date.now() }
}
