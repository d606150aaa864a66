/** The listed rooms, updated over the same WebSocket that an app would open. */

const RETRY_MS = 2000
const OPENS_WITHIN_MS = 5000 // if no rule of the proxy matches the path, the proxy never answers the upgrade
// A half-open connection, such as that of a laptop that was asleep, looks open, but nothing arrives any more.
const CHECKED_EVERY_MS = 10_000
const PONG_WITHIN_MS = 5000

function watchRooms() {
  const begunMs = performance.now()
  const socket = new WebSocket(endpoint)
  let timer = setTimeout(lost, OPENS_WITHIN_MS)
  function heard() {
    clearTimeout(timer)
    timer = setTimeout(ping, CHECKED_EVERY_MS)
  }
  function ping() {
    socket.send('{"type":"ping"}')
    timer = setTimeout(lost, PONG_WITHIN_MS)
  }
  function lost() {
    clearTimeout(timer)
    // The browser would report the end of a half-open connection much later.
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
    setState($('state'), 'lost', 'no connection')
    find(unreached())
    setTimeout(watchRooms, RETRY_MS)
  }
  socket.onclose = lost
  socket.onopen = () => {
    heard()
    setState($('state'), 'live', 'live')
    find({
      code: 'websocket',
      level: 'ok',
      sentence: `the WebSocket opened in ${Math.round(performance.now() - begunMs)} ms`,
    })
    socket.send('{"type":"watch_rooms"}')
  }
  socket.onmessage = ({ data }) => {
    heard()
    const frame = JSON.parse(data)
    if (frame.type === 'rooms') takeRooms(frame.rooms)
  }
}

function unreached() {
  const refused = isIos && location.protocol === 'https:'
  return {
    code: 'websocket',
    level: 'wrong',
    sentence: refused
      ? 'iOS does not open the WebSocket, because it does not trust the certificate; a tap on “visit anyway” is not enough'
      : 'the WebSocket does not open',
    remedy: refused
      ? 'install the certificate’s authority and trust it in Settings (with lan: true it is at /@signaling/authority.crt, mkcert makes one too), or open the page by http: data channels work there, the camera does not'
      : 'check that the sidecar is running and that the rule of the proxy has ws: true, or run in a terminal: sidecar doctor',
  }
}

let rooms = []

function takeRooms(listed) {
  rooms = listed
  const peers = rooms.reduce((sum, room) => sum + room.peers, 0)
  $('sum').textContent = rooms.length ? `${rooms.length} listed, ${counted(peers)}` : ''
  $('empty').hidden = rooms.length > 0
  showRooms()
  askForPeople()
}

function showRooms() {
  $('rooms').replaceChildren(...rooms.map(roomRow))
  $('people-hint').textContent = peopleHint
  $('people-hint').hidden = peopleHint === '' || rooms.length === 0
}

function roomRow({ roomId, name, peers, capacity, createdAt }) {
  const row = make('li')
  const head = make('div', '', { className: 'room' })
  const since = new Date(createdAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  const count = capacity ? `${peers} of ${counted(capacity)}` : counted(peers)
  head.append(
    make('b', name || roomId),
    make('span', `${count}, since ${since}`, { className: 'muted' }),
  )
  row.append(head, ...peopleIn(roomId))
  return row
}

function counted(peers) {
  return `${peers} ${peers === 1 ? 'peer' : 'peers'}`
}
