"""One WebSocket: its handshake, its frames, what waits to be sent to it, and its end."""
