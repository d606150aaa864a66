"""Measure the CPU time of a server while many peers join one room, one after the other, and are told about each
other."""

from __future__ import annotations

from tests.bench.clients import load_on
from tests.bench.contenders import Contender, running

PEERS = 600


def measure(contender: Contender) -> dict[str, float]:
    if not contender.announces_joins:
        return {}
    with running(contender) as server, load_on(server.port) as load:
        load.scatter(contender.dialect, 1)  # wait until the server has started
        before_s = server.cpu_s()
        load.gather(contender.dialect, PEERS)
        return {"join_ms": 1000 * (server.cpu_s() - before_s)}
