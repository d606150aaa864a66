// Runs rooms.mjs with Bun's own WebSocket server. The first argument is the port.

import { Peer } from './rooms.mjs'

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2]),
  fetch(request, server) {
    return server.upgrade(request, { data: {} }) ? undefined : new Response('This is a WebSocket server.', { status: 426 })
  },
  websocket: {
    open(socket) {
      socket.data.peer = new Peer(socket)
    },
    message(socket, text) {
      socket.data.peer.receive(text)
    },
    close(socket) {
      socket.data.peer.leave()
    },
  },
})
