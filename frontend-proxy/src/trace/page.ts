/**
 * Runs on a page before its app, by the plugin's `trace: true`: every RTCPeerConnection that the
 * page makes, by whatever library, tells the sidecar's event log what becomes of it.
 */

import { defaultUrl } from '../browser/default-url.ts'
import { observe } from '../browser/observe.ts'
import { pageReport, type TraceReport } from '../browser/trace-report.ts'

/** More are dropped, oldest first: the sidecar may be down for a day. */
const MAX_KEPT = 1_000
const RETRY_MS = 2_000

const kept: TraceReport[] = []
let socket: WebSocket | undefined

function report(one: TraceReport): void {
  kept.push(one)
  if (kept.length > MAX_KEPT) kept.shift()
  if (socket === undefined) connect()
  send()
}

function connect(): void {
  const url = defaultUrl()
  if (url === undefined) return
  socket = new WebSocket(url)
  socket.onopen = send
  socket.onclose = () => setTimeout(connect, RETRY_MS)
}

function send(): void {
  while (kept[0] !== undefined && socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify({ type: 'trace', ...kept.shift() }))
  }
}

const Native: typeof RTCPeerConnection | undefined = globalThis.RTCPeerConnection
if (Native !== undefined) {
  let isFirst = true
  globalThis.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor(configuration?: RTCConfiguration) {
      super(configuration)
      if (isFirst) report(pageReport())
      isFirst = false
      observe(this, report)
    }
  }
}
