/** Sends requests to URLs relative to this page, because the page has different URLs at the sidecar and at Vite. */

import { credentials } from './session.js'

const SILENT_MS = 25_000 // the stream has a line every 10 s; without an answer for so long, the connection is lost

/** The error of a refused request. `status` is 0 when there was no answer at all. */
const refused = (status, message, code) => Object.assign(new Error(message), { status, code })

/** Waits for `doing`. If it is rejected without an abort of `signal`, throws an error that says there is no answer. */
const answered = (doing, signal) =>
  doing.catch((error) => {
    throw signal?.aborted ? error : refused(0, 'there is no answer')
  })

async function fetched(path, { method = 'GET', body, signal, patience }) {
  const headers = { ...credentials(), ...(body && { 'Content-Type': 'application/json' }) }
  const options = { method, headers, body: body && JSON.stringify(body) }
  const signals = AbortSignal.any([patience, ...(signal ? [signal] : [])])
  const answer = await answered(fetch(`api/${path}`, { ...options, signal: signals }), signal)
  if (answer.ok) return answer
  const text = await answer.text().catch(() => '')
  let told = {}
  try {
    told = JSON.parse(text)
  } catch {
    // An answer that is not JSON is shown as it is.
  }
  throw refused(answer.status, told.message ?? (text.trim() || `status ${answer.status}`), told.code)
}

/** Sends a request, and gives up after a while: after the laptop has slept, an answer may never come. */
const asking = (read) => async (path, options) => {
  const answer = await fetched(path, { ...options, patience: AbortSignal.timeout(SILENT_MS) })
  return answered(answer[read](), options?.signal)
}

export const ask = asking('json')
export const askText = asking('text')
export const roomPath = (dialect, room) => `${encodeURIComponent(dialect)}/${encodeURIComponent(room)}`

/** Calls `take` with new lines of the stream of changes, until the stream ends or `signal` aborts it. */
export async function follow(take, signal) {
  const silence = new AbortController()
  let patience
  const hear = () => {
    clearTimeout(patience)
    patience = setTimeout(() => silence.abort(), SILENT_MS)
  }
  hear()
  try {
    const answer = await fetched('inspector/changes', { signal, patience: silence.signal })
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (;;) {
      const { done, value } = await answered(reader.read(), signal)
      if (done) return
      hear()
      const lines = (rest + value).split('\n')
      rest = lines.pop()
      // Only the newest line counts, because each line contains the whole state.
      const newest = lines.findLast((line) => line.trim())
      if (newest) take(JSON.parse(newest))
    }
  } finally {
    clearTimeout(patience)
  }
}
