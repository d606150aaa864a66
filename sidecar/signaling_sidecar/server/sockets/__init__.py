"""Everything about one WebSocket: its handshake, its frames, its outbox, and how it is closed."""
