"""The numbers of instances and connections in a cluster."""

from __future__ import annotations

CONNECTIONS_PER_INSTANCE = 1_000_000_000
"""The first connection of an instance with the number 3 has the number 3,000,000,001. All numbers are exact in
JavaScript for the first nine million instances of a cluster."""


def connection_number(instance: int, count: int) -> int:
    """Return the number of a connection of the instance. `count` must be different for each connection of a process."""
    return instance * CONNECTIONS_PER_INSTANCE + count


def instance_of(connection: int) -> int:
    """Return the number of the instance that gave the connection its number."""
    return connection // CONNECTIONS_PER_INSTANCE
