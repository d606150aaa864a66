"""Several sidecars that are one sidecar for their clients, because they share their state in Redis.

One instance, the owner, runs the hub for all rooms. Every instance is a front: it has the WebSockets of its own
clients, sends their commands to the owner, and sends them the messages that the owner answers with.
"""
