/**
 * An app as people write it after their first tutorial: it sends each description and candidate at once, and applies
 * each one when it arrives. It neither uses perfect negotiation nor keeps early candidates. The query of its URL has:
 *
 * - `me`: the id of its peer; `room`; and `dialect`: `rooms` or `mesh`
 * - `calls`: who sends an offer: the `newcomer` (default), `both` at once, or `nobody` before `app.call()`
 * - `busy`: if two offers cross, it `takes` the other peer's (the browser rolls its own back), or `ignores` that
 * - `holds`: ms by which a description is sent late; `trickles`: the same for a candidate
 * - `names`: the address that replaces the real one in its candidates; with `nothing` it sends no candidates
 * - `camera`: it requests a camera before it does anything else
 * - `capacity` and `resume`: the fields of its join
 */
const wishes = Object.fromEntries(new URLSearchParams(location.search))
const { me, room, dialect = 'rooms', calls = 'newcomer', busy = 'takes', holds = 0, trickles = 0 } = wishes
const connections = new Map()
const passed = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const send = (type, frame) => socket.send(JSON.stringify({ type, from: me, ...frame }))

function connectionTo(peer) {
  const known = connections.get(peer)
  if (known !== undefined) return known
  const pc = new RTCPeerConnection()
  connections.set(peer, pc)
  pc.onicecandidate = async ({ candidate }) => {
    if (candidate === null || wishes.names === 'nothing') return
    await passed(trickles)
    const named = candidate.candidate.replace(candidate.address, wishes.names ?? candidate.address)
    send('candidate', { to: peer, candidate: { ...candidate.toJSON(), candidate: named } })
  }
  return pc
}

async function call(peer) {
  const pc = connectionTo(peer)
  pc.createDataChannel('chat')
  const offer = await pc.createOffer()
  await pc.setLocalDescription(offer)
  await passed(holds)
  send('offer', { to: peer, sdp: offer.sdp })
}

async function arrived({ peers }) {
  if (wishes.camera) await navigator.mediaDevices.getUserMedia({ video: true })
  if (calls !== 'nobody') for (const peer of peers) await call(peer.peerId ?? peer)
}

const met = ({ peerId }) => (calls === 'both' ? call(peerId) : undefined)

const received = {
  peer_list: arrived,
  'peer-list': arrived,
  peer_joined: met,
  'peer-joined': met,
  async offer({ from, sdp }) {
    const pc = connectionTo(from)
    if (pc.signalingState !== 'stable' && busy === 'ignores') return
    await pc.setRemoteDescription({ type: 'offer', sdp })
    const answer = await pc.createAnswer()
    await pc.setLocalDescription(answer)
    await passed(holds)
    send('answer', { to: from, sdp: answer.sdp })
  },
  answer: ({ from, sdp }) => connectionTo(from).setRemoteDescription({ type: 'answer', sdp }),
  candidate: ({ from, candidate }) => connectionTo(from).addIceCandidate(candidate),
}

const path = dialect === 'mesh' ? `/ws/signaling/mesh?room=${room}` : '/ws/signaling'
const socket = new WebSocket(`ws://${location.host}${path}`)
socket.onopen = () => {
  const { capacity, resume } = wishes
  send('join', { roomId: room, peerId: me, capacity: capacity && Number(capacity), resume: resume && true })
}
socket.onmessage = ({ data }) => {
  const frame = JSON.parse(data)
  if (frame.type.endsWith('list')) document.body.dataset.joined = 'yes'
  return received[frame.type]?.(frame)
}
window.app = { call, send, connections }
