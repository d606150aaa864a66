"""The memory of a server for each peer that is alone in a room and sends nothing."""

from __future__ import annotations

from tests.bench.clients import load_on
from tests.bench.contenders import Contender, running
from tests.bench.manners import FLOOR

PEERS = 600


def measure(contender: Contender) -> dict[str, float]:
    if contender.name == FLOOR:  # it has fixed buffers
        return {}
    with running(contender) as server, load_on(server.port) as load:
        before = server.memory_bytes()
        load.scatter(contender.dialect, PEERS)
        return {"idle_kib": (server.memory_bytes() - before) / 1024 / PEERS}
