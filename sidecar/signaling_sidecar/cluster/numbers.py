"""The numbers of instances and connections in a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

CONNECTIONS_PER_INSTANCE = 1_000_000_000
"""An instance with the number 3 counts its connections from 3,000,000,001. All numbers are exact in JavaScript for the
first nine million instances of a cluster."""


def connection_numbers(instance: int) -> Iterator[int]:
    """Count the connections of an instance."""
    return itertools.count(instance * CONNECTIONS_PER_INSTANCE + 1)


def instance_of(connection: int) -> int:
    """Return the number of the instance that has the connection."""
    return connection // CONNECTIONS_PER_INSTANCE
