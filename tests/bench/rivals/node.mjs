// Runs rooms.mjs with Node.js and the npm package `ws`. The first argument is the port.

import { WebSocketServer } from '../../../frontend-proxy/node_modules/ws/wrapper.mjs'
import { Peer } from './rooms.mjs'

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), path: '/ws/signaling' })

server.on('connection', (socket) => {
  const peer = new Peer(socket)
  socket.on('message', (data) => peer.receive(data))
  socket.on('error', console.error)
  socket.on('close', () => peer.leave())
})
