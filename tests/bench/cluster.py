"""Measure the CPU time and latency of sidecars in a cluster, compared with a sidecar without a cluster.

    python -m tests.bench.cluster

Redis runs on the same core as the clients, so that it does not slow down the sidecars. Its CPU time has its own column.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.bench.clients import Load, load_on
from tests.bench.contenders import OURS, Contender, Server, Words, running
from tests.bench.cores import LOAD, on_core
from tests.bench.manners import RESUMABLE
from tests.bench.relaying import PAIRS, WARM_UP_S
from tests.kit.redis_server import RedisServer

IDLE_S = 10.0
WINDOW = 8
SECONDS = 2.0
MAX_RATIO, MAX_RATIO_RESUMABLE, MAX_P50_MS, MAX_IDLE = 1.5, 2.5, 5.0, 0.02
"""The requirements: the ratio of the CPU time for each offer with 400 offers in flight, the same ratio in sessions that
can be resumed, the median latency between two instances with 4 offers in flight, and the share of a core that an idle
instance needs."""


class Measured(NamedTuple):
    cpu_us: float
    """The CPU time of all sidecars for each offer, in µs."""
    resumable_us: float
    """The CPU time of all sidecars for each offer in sessions that can be resumed, in µs."""
    redis_us: float
    p50_ms: float
    """The median latency of an offer while 4 offers are in flight."""
    idle: float
    """The share of a core that each sidecar needs while no client sends anything."""


def member(url: str) -> Contender:
    def words(port: int, folder: Path) -> Words:
        return [*OURS.words(port, folder), "--cluster", url]

    return Contender("member of a cluster", OURS.dialect, words)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory() as folder, on_core(LOAD):
        server = RedisServer(Path(folder), "--appendfsync", "everysec")
        server.start()
    try:
        yield server
    finally:
        server.kill()


def measure(instances: int) -> Measured:
    """Measure a cluster with this number of instances. If the number is 0, measure a sidecar without a cluster."""
    with ExitStack() as work:
        redis = work.enter_context(redis_server())
        contenders = [member(redis.url)] * instances or [OURS]
        servers = [work.enter_context(running(each)) for each in contenders]
        load = work.enter_context(load_on(*(server.port for server in servers)))
        redis_before_s = _cpu_s_of(redis.pid)
        cpu_us, relayed = _relay(servers, load, OURS.dialect)
        redis_us = (_cpu_s_of(redis.pid) - redis_before_s) * 1e6 / relayed
        p50_ms = load.take_turns(OURS.dialect, 4, SECONDS).p50_us / 1000
        before_s = _cpu_s(servers)
        time.sleep(IDLE_S)
        idle = (_cpu_s(servers) - before_s) / IDLE_S / len(servers)
        resumable_us, _ = _relay(servers, load, RESUMABLE)
        return Measured(cpu_us, resumable_us, redis_us, p50_ms, idle)


def _relay(servers: Sequence[Server], load: Load, dialect: str) -> tuple[float, int]:
    """Return the CPU time of all servers for each offer, in µs, and how many offers were relayed."""
    load.meet(dialect, PAIRS)
    warm_up = load.relay(dialect, WINDOW, WARM_UP_S)
    before_s = _cpu_s(servers)
    relayed = load.relay(dialect, WINDOW, SECONDS)
    return (_cpu_s(servers) - before_s) * 1e6 / relayed.sent, warm_up.sent + relayed.sent


def _cpu_s(servers: Sequence[Server]) -> float:
    return sum(server.cpu_s() for server in servers)


def _cpu_s_of(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def main() -> None:
    names = ("one sidecar", "a cluster of one", "a cluster of two")
    measured = [measure(instances) for instances in range(3)]
    print(
        f"{'':18}{'CPU for each offer':>20}{'ratio':>8}{'resumable':>13}{'ratio':>8}{'of Redis':>12}"
        f"{'p50, 4 at once':>16}{'idle':>8}"
    )
    for name, its in zip(names, measured, strict=True):
        ratio, ratio_resumable = its.cpu_us / measured[0].cpu_us, its.resumable_us / measured[0].resumable_us
        print(
            f"{name:18}{its.cpu_us:17.1f} µs{ratio:8.2f}{its.resumable_us:10.1f} µs{ratio_resumable:8.2f}"
            f"{its.redis_us:9.1f} µs{its.p50_ms:13.2f} ms{its.idle:8.1%}"
        )
    print(
        f"(a cluster of one: ratio at most {MAX_RATIO}, resumable {MAX_RATIO_RESUMABLE}; of two: p50 at most "
        f"{MAX_P50_MS} ms; idle: {MAX_IDLE:.0%})"
    )


if __name__ == "__main__":
    main()
