/** Connects two tabs of this page by a data channel. An app needs at least this code. */

const CONNECTS_WITHIN_MS = 15_000 // as long as Chromium tries an address that does not answer
const PING_EVERY_MS = 1000

function connectInRoom(room) {
  const show = (state, text) => setState($('trial'), state, text)
  if (!globalThis.RTCPeerConnection) {
    show('lost', 'WebRTC is not available in this browser')
    return () => {}
  }
  const socket = new WebSocket(endpoint)
  const send = (frame) => socket.send(JSON.stringify(frame))
  let partner, connection, patience
  show('waiting', 'waiting for the other tab')

  function begin(other) {
    partner = other
    connection?.close()
    connection = new RTCPeerConnection()
    connection.onicecandidate = ({ candidate }) =>
      candidate && send({ type: 'candidate', to: other, candidate })
    connection.ondatachannel = ({ channel }) => measure(channel)
    show('waiting', 'connecting')
    clearTimeout(patience)
    patience = setTimeout(show, CONNECTS_WITHIN_MS, 'lost', 'not connected; to see why, run: sidecar why')
    return connection
  }

  function measure(channel) {
    const say = (text) => channel.readyState === 'open' && channel.send(text)
    const ping = () => say(`ping ${performance.now()}`)
    const open = () => {
      clearTimeout(patience)
      show('live', 'connected')
      ping()
      // The ping is repeated, because the other side may have received the first one before it could answer.
      const pings = setInterval(
        () => (channel.readyState === 'closed' ? clearInterval(pings) : ping()),
        PING_EVERY_MS,
      )
    }
    channel.onmessage = ({ data }) => {
      const [kind, at] = data.split(' ')
      if (kind === 'ping') say(`pong ${at}`)
      else show('live', `connected, round trip ${(performance.now() - at).toFixed(1)} ms`)
    }
    if (channel.readyState === 'open')
      open() // a channel from the other side may be open already, and then fires no `open` event
    else channel.onopen = open
  }

  async function describe(type, to) {
    await connection.setLocalDescription()
    send({ type, to, description: connection.localDescription })
  }

  socket.onopen = () => send({ type: 'join', roomId: room, listed: false })
  socket.onclose = () => show('lost', 'no connection to the sidecar')
  socket.onmessage = async ({ data }) => {
    const frame = JSON.parse(data)
    if (frame.type === 'peer_list') {
      const other = frame.peers.find((peer) => !peer.away)?.peerId
      if (!other) return
      measure(begin(other).createDataChannel('try')) // the peer that joins later makes the offer
      await describe('offer', other)
    } else if (frame.type === 'offer') {
      await begin(frame.from).setRemoteDescription(frame.description)
      await describe('answer', frame.from)
    } else if (frame.type === 'answer') await connection.setRemoteDescription(frame.description)
    else if (frame.type === 'candidate') await connection.addIceCandidate(frame.candidate)
    // When a tab is closed, the connection of the other tab does not notice it, but the WebSocket does.
    else if (frame.peerId === partner && (frame.away || frame.type === 'peer_left'))
      show('lost', 'the other tab is gone')
  }
  return () => {
    socket.onclose = null
    socket.close()
    connection?.close()
  }
}

/** Each click opens a new room, whose name cannot be guessed and which is not listed. */
function newTrialLink() {
  const room = `try-${[...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
  $('try').href = `${here}?try=${room}`
  return room
}

function offerTrial() {
  let room = newTrialLink()
  let end = () => {}
  $('try').onclick = () => {
    end()
    end = connectInRoom(room)
    setTimeout(() => (room = newTrialLink())) // after the browser has opened the current link
  }
}
