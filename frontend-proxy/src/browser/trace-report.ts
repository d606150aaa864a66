/**
 * Defines the reports about RTCPeerConnections that a page sends as `trace` frames to the sidecar's
 * event log. The reports contain no IP address, and only the path of the page's URL. The sidecar
 * parses the reports in `diagnosis/reports.py`.
 */

/**
 * An event of one RTCPeerConnection, or a description of the page (`page`), or whether the page got the camera,
 * the microphone or the screen (`media`), which it did if there is no `name` of an error.
 */
export interface TraceReport {
  readonly event: 'page' | 'media' | 'opened' | 'state' | 'selected' | 'stats' | 'error' | 'closed'
  /** Identifies one load of a page. */
  readonly page?: string
  /** Identifies one RTCPeerConnection. */
  readonly pc?: string
  /** The peer at the other end, if the app has passed its id. */
  readonly peerId?: string
  /** When the event happened: ms since the epoch, by the page's clock. */
  readonly at?: number
  /** Whether the page is a secure context. */
  readonly secure?: boolean
  /** Whether the page has `navigator.mediaDevices`. */
  readonly media?: boolean
  /** The title and path of the page, without the parts that look like a secret key. */
  readonly title?: string
  readonly path?: string
  readonly policy?: RTCIceTransportPolicy
  readonly turnServers?: number
  readonly connection?: RTCPeerConnectionState
  readonly ice?: RTCIceConnectionState
  readonly gathering?: RTCIceGatheringState
  readonly signaling?: RTCSignalingState
  readonly dtls?: RTCDtlsTransportState
  /** The ICE username fragments, which also occur in signals and in reports of the other side. */
  readonly localUfrag?: string
  readonly remoteUfrag?: string
  /** The selected candidate pair. */
  readonly pair?: { readonly local: CandidateKind; readonly remote: CandidateKind }
  /** Whether the local description contains a candidate. */
  readonly hasLocal?: boolean
  /** Whether the remote description contains a candidate. */
  readonly hasRemote?: boolean
  readonly stats?: Stats
  /** The method that failed. */
  readonly operation?: string
  /** The name and the message of the error. */
  readonly name?: string
  readonly message?: string
}

interface CandidateKind {
  readonly type?: string
  readonly protocol?: string
  /** The network of a local candidate, for example `wifi`. Not all browsers report it. */
  readonly networkType?: string
}

/**
 * The current round-trip time and bandwidth, and totals since the RTCPeerConnection was created. A
 * field is absent if the browser does not report it.
 */
export interface Stats {
  readonly bytesSent?: number
  readonly bytesReceived?: number
  readonly rttMs?: number
  readonly packetsLost?: number
  readonly outgoingBitsPerSecond?: number
}

/** Receives the reports. */
export type Reporter = (report: TraceReport) => void

const PAGE_ID = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
  byte.toString(16).padStart(2, '0'),
).join('')

const MAX_LABEL_CHARS = 80
/** Matches a word that may be a secret key or a code: at least six characters, with a digit. */
const LIKE_A_KEY = /^(?=.*\d).{6,}$/
/** Matches a part of a path that may be a code: four or more capital letters and digits. */
const LIKE_A_CODE = /^[A-Z\d]{4,}$/

/** Returns the report that describes this page. */
export function pageReport(): TraceReport {
  const media: MediaDevices | undefined = globalThis.navigator?.mediaDevices
  return stamped({
    event: 'page',
    secure: globalThis.isSecureContext === true,
    media: media !== undefined,
    ...pageName(globalThis.document?.title ?? '', globalThis.location?.pathname ?? ''),
  })
}

/**
 * Returns the title and the path for a report, with `…` for each part that looks like a key. `path` must
 * not include the query or the hash, which may contain secrets.
 */
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

/** Matches IPv4 and IPv6 addresses, and also DTLS fingerprints. */
const ADDRESSES =
  /\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w:])(?:[\da-f]{0,4}:){2,}[\da-f]{0,4}(?![\w:])/gi

/**
 * Returns the message of an error with `…` for each address. If a description cannot be parsed, the
 * browser's message contains the line with the mistake.
 */
export function withoutAddresses(message: string): string {
  return message.replace(ADDRESSES, '…')
}

/** Adds the page's id and the current time to a report. */
export function stamped(report: TraceReport): TraceReport {
  return { ...report, page: PAGE_ID, at: Date.now() }
}
