// Behaves like matchbox_socket 0.14 in a browser, where a description is sent when it contains all candidates. With
// `?trickle`, it behaves like the native client, which sends each candidate as JSON text after the other peer's
// description has arrived.
const trickle = location.search === '?trickle'
const signaling = location.origin.replace(/^http/, 'ws') + '/ws/signaling/matchbox/duel?next=2'
const socket = new WebSocket(signaling)
const peers = new Map()
const shown = document.body.dataset

socket.onmessage = async ({ data }) => {
  const [[event, content]] = Object.entries(JSON.parse(data))
  if (event === 'IdAssigned') {
    if (shown.id) throw new Error('matchbox_socket panics when it gets a second id')
    shown.id = content
  } else if (event === 'NewPeer') {
    await describe(peerTo(content), 'Offer')
  } else if (event === 'PeerLeft') {
    shown.left = content
  } else if (event === 'Signal') {
    await heard(peerTo(content.sender), content.data)
  } else {
    throw new Error(`matchbox_socket knows no ${event}`)
  }
}

async function heard(peer, { Offer, Answer, IceCandidate }) {
  if (IceCandidate) return peer.pc.addIceCandidate(JSON.parse(IceCandidate))
  await peer.pc.setRemoteDescription({ type: Offer ? 'offer' : 'answer', sdp: Offer ?? Answer })
  if (Offer) await describe(peer, 'Answer')
  peer.sendCandidates()
}

async function describe(peer, type) {
  await peer.pc.setLocalDescription()
  if (!trickle) await peer.gathered
  peer.send({ [type]: peer.pc.localDescription.sdp })
}

function peerTo(id) {
  if (peers.has(id)) return peers.get(id)
  const pc = new RTCPeerConnection({ iceServers: [] })
  const gathered = new Promise((resolve) => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve()
  })
  const channel = pc.createDataChannel('matchbox_socket_0', { negotiated: true, id: 0 })
  channel.onopen = () => channel.send(`hello from ${shown.id}`)
  channel.onmessage = ({ data }) => { shown.heard = data }
  const send = (data) => socket.send(JSON.stringify({ Signal: { receiver: id, data } }))
  const waiting = []
  pc.onicecandidate = ({ candidate }) => {
    if (!trickle) return
    waiting.push(JSON.stringify(candidate))
    if (pc.remoteDescription) sendCandidates()
  }
  const sendCandidates = () => { for (const text of waiting.splice(0)) send({ IceCandidate: text }) }
  const peer = { pc, gathered, send, sendCandidates }
  peers.set(id, peer)
  return peer
}
setInterval(() => socket.send('"KeepAlive"'), 1000)
