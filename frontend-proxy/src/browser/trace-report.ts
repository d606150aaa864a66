/**
 * What a page tells the sidecar's event log of its RTCPeerConnections, as `trace` frames. No IP
 * address is in them, and of the page's URL only the path. `sidecar/signaling_sidecar/diagnosis/reports.py` reads them.
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
  /** What a person calls the page: its title and path, without what looks like a key. */
  readonly title?: string
  readonly path?: string
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
  /** Whether there is a candidate of its own, and one of the other side. */
  readonly hasLocal?: boolean
  readonly hasRemote?: boolean
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

const MAX_LABEL_CHARS = 80
/** A word that may be somebody's key or code: it is long enough, and has a digit. */
const LIKE_A_KEY = /^(?=.*\d).{6,}$/
/** A part of a path that may be one: also capitals alone. */
const LIKE_A_CODE = /^[A-Z\d]{4,}$/

/** What this page is like, for its first report. */
export function pageReport(): TraceReport {
  const media: MediaDevices | undefined = globalThis.navigator?.mediaDevices
  return stamped({
    event: 'page',
    secure: globalThis.isSecureContext === true,
    media: media !== undefined,
    ...pageName(globalThis.document?.title ?? '', globalThis.location?.pathname ?? ''),
  })
}

/** Title and path as they are reported: neither the query nor the hash, which may hold secrets. */
export function pageName(title: string, path: string): { title?: string; path?: string } {
  const isKey = (part: string) => LIKE_A_KEY.test(part) || LIKE_A_CODE.test(part)
  const words = title.trim().split(/\s+/)
  const known = words.map((word) => (LIKE_A_KEY.test(word) ? '…' : word)).join(' ')
  const parts = path.split('/').map((part) => (isKey(part) ? '…' : part))
  return {
    ...(known && { title: known.slice(0, MAX_LABEL_CHARS) }),
    ...(path && { path: parts.join('/').slice(0, MAX_LABEL_CHARS) }),
  }
}

export function stamped(report: TraceReport): TraceReport {
  return { ...report, page: PAGE_ID, at: Date.now() }
}
