/**
 * Records every RTCPeerConnection of a page in the sidecar's event log, whatever library creates it, and
 * calls of getUserMedia that have failed. With the plugin's option `trace: true`, every page runs this
 * script before its app.
 */

import { defaultUrl } from '../browser/default-url.ts'
import { observe } from '../browser/observe.ts'
import { pageReport, stamped, type TraceReport } from '../browser/trace-report.ts'
import { observeMedia } from './media.ts'

/**
 * At most this many reports wait for a connection. The oldest are dropped first, because the
 * sidecar may be down for a day. All are sent at once, so there must be fewer than the sidecar
 * accepts at once (its setting `max_frames_burst`, 500): it would refuse the newest ones.
 */
const MAX_KEPT = 400
const RETRY_MS = 2_000

/** The sidecar closes the connection with this code if it asks for a token and gets none. */
const UNAUTHORISED = 4401
const NO_TOKEN =
  'Signaling: the connections of this page are not recorded, because the sidecar asks for a token. ' +
  'Only a Mesh, and `observe` of a SignalingClient that has joined with a token, record connections.'

const kept: TraceReport[] = []
let socket: WebSocket | undefined

function send(report: TraceReport): void {
  if (report.event === 'stats') dropStats(report.pc)
  kept.push(report)
  if (kept.length > MAX_KEPT) kept.shift()
  if (socket === undefined) connect()
  sendKept()
}

/**
 * Drops earlier statistics of this RTCPeerConnection, because a connection produces them every few
 * seconds, and they would displace its other reports.
 */
function dropStats(pc: string | undefined): void {
  const index = kept.findIndex((report) => report.event === 'stats' && report.pc === pc)
  if (index >= 0) kept.splice(index, 1)
}

function connect(): void {
  const url = defaultUrl()
  if (url === undefined) return
  socket = new WebSocket(url)
  socket.onopen = sendKept
  socket.onclose = ({ code }) => {
    if (code === UNAUTHORISED) console.warn(NO_TOKEN)
    else setTimeout(reconnect, RETRY_MS)
  }
}

/**
 * Connects again if reports are waiting. Otherwise the next report connects, because the sidecar
 * closes a connection on which the page sends nothing within 40 s.
 */
function reconnect(): void {
  socket = undefined
  if (kept.length > 0) connect()
}

function sendKept(): void {
  while (kept[0] !== undefined && socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify({ type: 'trace', ...kept.shift() }))
  }
}

let isPageKnown = false

/** Sends the description of the page before its first report. */
function describePage(): void {
  if (!isPageKnown) send(pageReport())
  isPageKnown = true
}

const Native: typeof RTCPeerConnection | undefined = globalThis.RTCPeerConnection
if (Native !== undefined) {
  globalThis.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor(configuration?: RTCConfiguration) {
      super(configuration)
      describePage()
      observe(this, send)
    }
  }
}

observeMedia((report) => {
  describePage()
  send(stamped(report))
})
