/** Starts the page, reads the stream of changes, and switches between the list and a room. */

import { follow } from './api.js'
import { $, announce, setText } from './elements.js'
import { go, place, watchPlace } from './place.js'
import { enterRoom, leaveRoom, prepareRoom, refreshRoom } from './room.js'
import { showRooms, takeRooms } from './rooms.js'
import { enter, refusal } from './session.js'

const RETRY_MS = 1000
const UNREACHED = ['sidecar-not-running', 'unreachable'] // the codes of errors with which a server answers for the sidecar
const REFUSED_MS = 10_000 // after a refused token; all clients of an address share a limited number of tries

let boot = null
let reading = null
let wake = () => {}

function show() {
  const { room } = place()
  document.body.classList.toggle('in-room', room !== null)
  $('room').hidden = room === null
  if (room === null) leaveRoom()
  else enterRoom()
  document.title = room === null ? 'Signaling inspector' : `${room} · Signaling inspector`
  showRooms()
}

function take(line) {
  setState('connected', 'live')
  $('down').hidden = true
  const isFirst = boot === null
  if (!isFirst && boot !== line.boot) {
    leaveRoom()
    // The numbers of the records begin again, so the URL would name another record.
    if (place().seq !== null) go({ seq: null }, { replaces: true })
    announce('The sidecar has been started again.')
  }
  boot = line.boot
  $('version').textContent = `sidecar ${line.version}`
  takeRooms(line)
  // If there is only one room when the page is opened, it is shown at once.
  const [only] = line.rooms
  if (isFirst && location.search === '' && line.rooms.length === 1)
    go({ room: only.room, dialect: only.dialect }, { replaces: true })
  else refreshRoom()
}

function setState(state, text) {
  $('state').dataset.state = state
  setText($('state'), text)
}

/** Explains why nothing or only an old state is shown, and what to do. */
function showProblem(error) {
  setState('failed', isRefusal(error) ? 'refused' : hasAnswered(error) ? 'not up to date' : 'no connection')
  const [why, what, command] = explained(error)
  $('down').hidden = false
  setText($('down-why'), why)
  setText($('down-what'), what)
  setText($('down-command'), command ?? '')
  $('down-command').hidden = !command
}

const isRefusal = ({ status, code }) => [401, 403, 429].includes(status) || code === 'admin-token-refused'
/** Whether the sidecar runs and has said why it cannot answer this request, for example while its analysis is restarted. */
const hasAnswered = ({ code }) => Boolean(code) && !UNREACHED.includes(code)

function explained({ status, code, message }) {
  if (status === 401)
    return [`${refusal || message}.`, 'For a new link, run this in the folder of the project:', 'sidecar inspect']
  if (isRefusal({ status, code }) || hasAnswered({ code })) return [`${message}.`, 'This page tries again by itself.']
  if (status === 0)
    return [
      'The server of this page does not answer.',
      'Start the dev server again (or the sidecar, if it runs without Vite). This page then reconnects by itself.',
      'npm run dev',
    ]
  return [
    `The sidecar does not answer (${message}).`,
    'The terminal of the dev server says why. This page reconnects by itself. To look for other causes, run:',
    'sidecar doctor',
  ]
}

/** Reads the stream while the page is visible, because a browser opens few connections to one server. */
async function stream() {
  while (!document.hidden) {
    reading = new AbortController()
    let pauseMs = RETRY_MS
    try {
      await follow(take, reading.signal)
    } catch (error) {
      if (!reading.signal.aborted) showProblem(error)
      if (isRefusal(error)) pauseMs = REFUSED_MS
    }
    await new Promise((resolve) => {
      wake = resolve
      setTimeout(resolve, pauseMs)
    })
  }
  reading = null
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) reading?.abort()
  else if (reading) wake()
  else stream()
})
addEventListener('hashchange', async () => {
  await enter()
  reading?.abort() // it has the token of an earlier link
  wake()
  show()
})
$('search').oninput = showRooms

prepareRoom(showProblem)
watchPlace(show)
await enter() // without a connection, `stream` shows the problem
show()
stream()
