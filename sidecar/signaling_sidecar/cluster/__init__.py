"""Lets several sidecars act as one sidecar for their clients, by sharing their state in Redis.

One instance, the owner, runs the hub for all rooms. Every instance is a front: it has the WebSockets of its own
clients, sends the commands of these clients to the owner, and sends the owner's messages to the clients.
"""
