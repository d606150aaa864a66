"""The numbers of instances and connections in a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

CONNECTIONS_PER_INSTANCE = 1_000_000_000
"""An instance with the number 3 counts its connections from 3,000,000,001. All numbers are exact in JavaScript for the
first nine million instances of a cluster."""


def connection_numbers(instance: int) -> Iterator[int]:
    """Return the numbers that the instance gives to its connections, one after the other."""
    return itertools.count(instance * CONNECTIONS_PER_INSTANCE + 1)


def instance_of(connection: int) -> int:
    """Return the number of the instance that gave the connection its number."""
    return connection // CONNECTIONS_PER_INSTANCE
