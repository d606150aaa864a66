"""Measure the memory of a server for each peer that is alone in a room and sends nothing."""

from __future__ import annotations

from tests.bench.clients import load_on
from tests.bench.contenders import Contender, running
from tests.bench.manners import FLOOR

PEERS = 600
FIRST_PEERS = 10
"""How many peers join before the measurement: a server allocates some memory only once, for the first peers."""


def measure(contender: Contender) -> dict[str, float]:
    if contender.name == FLOOR:  # the floor allocates buffers of a fixed size, so this figure would mean nothing
        return {}
    with running(contender) as server, load_on(server.port) as load:
        load.scatter(contender.dialect, FIRST_PEERS)
        before = server.memory_bytes()
        load.scatter(contender.dialect, PEERS)
        return {"idle_kib": (server.memory_bytes() - before) / 1024 / PEERS}
