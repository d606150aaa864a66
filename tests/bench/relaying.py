"""Measure the CPU time of a server for each offer that it relays, and the latency of an offer."""

from __future__ import annotations

from tests.bench.clients import load_on
from tests.bench.contenders import Contender, running

WINDOWS = (1, 8)
"""How many offers of each pair of clients are in flight at the same time."""
PAIRS = 50
SECONDS = 1.0
WARM_UP_S = 0.5  # seconds before the measurement, in which JavaScript engines compile the code that they run often


def measure(contender: Contender) -> dict[str, float]:
    figures = {}
    with running(contender) as server, load_on(server.port) as load:
        load.meet(contender.dialect, PAIRS)
        for window in WINDOWS:
            load.relay(contender.dialect, window, WARM_UP_S)
            before_s = server.cpu_s()
            relayed = load.relay(contender.dialect, window, SECONDS)
            figures[f"cpu_us_{window}"] = (server.cpu_s() - before_s) * 1e6 / relayed.sent
            figures[f"p50_us_{window}"], figures[f"p99_us_{window}"] = relayed.p50_us, relayed.p99_us
    return figures
