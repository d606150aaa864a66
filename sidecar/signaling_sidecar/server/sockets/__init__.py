"""Implements WebSockets: their handshakes, frames, heartbeats and outboxes, and how they are closed."""
