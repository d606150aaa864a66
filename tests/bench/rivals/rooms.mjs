// A minimal signaling server, as a web developer might write it: rooms, lists of peers, and relays to one peer. It writes
// no log and has no limits. `node.mjs` and `bun.mjs` run it.

const rooms = new Map()

/** The peer of one connection. `socket` must have a method `send`. */
export class Peer {
  constructor(socket) {
    this.socket = socket
  }

  receive(text) {
    const frame = JSON.parse(text)
    if (frame.type === 'join') this.join(frame.roomId, frame.peerId)
    else if (frame.to !== undefined) this.relay(frame)
  }

  join(roomId, peerId) {
    this.roomId = roomId
    this.id = peerId
    this.joinedAt = Date.now()
    if (!rooms.has(roomId)) rooms.set(roomId, new Map())
    this.room = rooms.get(roomId)
    const peers = [...this.room.values()].map(({ id, joinedAt }) => ({ peerId: id, joinedAt }))
    this.socket.send(JSON.stringify({ type: 'peer_list', peers }))
    this.tellOthers({ type: 'peer_joined', peerId })
    this.room.set(peerId, this)
  }

  relay(frame) {
    frame.from = this.id
    this.room?.get(frame.to)?.socket.send(JSON.stringify(frame))
  }

  leave() {
    if (this.room?.get(this.id) !== this) return
    this.room.delete(this.id)
    this.tellOthers({ type: 'peer_left', peerId: this.id })
    if (this.room.size === 0) rooms.delete(this.roomId)
  }

  tellOthers(frame) {
    const text = JSON.stringify(frame)
    for (const other of this.room.values()) if (other !== this) other.socket.send(text)
  }
}
