"""Measure how the cost of a relayed offer grows with the number of connections and rooms.

    python -m tests.bench.growing

Three sidecars take turns. The first sidecar has few connections. The second one has many connections, in pairs that
relay in random order. The third one has as many connections as the second, but only a few of them relay: each of the
other clients is alone in a room, and only answers pings. Exactly one offer is always in flight, because a sidecar needs
less time for each offer if it reads several at once. Each figure is the best of several rounds. It includes the pings
of all connections, and some rounds contain more pings than others.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from tests.bench.clients import Load, load_on
from tests.bench.contenders import OURS, Server, running

FEW, MANY = 10, 5_000
"""The numbers of connections that are compared."""
SECONDS = 2.0
WARM_UP_S = 0.5
MAX_RATIO = 1.2
"""The requirement: the highest ratio of the CPU time with many connections to that with few."""
OTHER_FILES = 100  # files that the process of a sidecar or of the clients opens in addition to the connections


class Figures(NamedTuple):
    cpu_us: float
    """The CPU time of the sidecar for each offer."""
    p99_us: float
    """The time within which 99 of 100 offers arrived."""


class Case(NamedTuple):
    name: str
    pairs: int
    alone: int = 0
    """The number of clients that are alone in a room."""


def cases(many: int) -> list[Case]:
    few = FEW // 2
    return [Case("few", few), Case("many", many // 2), Case("mostly idle", few, many - FEW)]


def measure(many: int, rounds: int) -> dict[str, Figures]:
    """Returns a dict from the name of each case to its best figures."""
    with ExitStack() as stack:
        running_cases = [(case, *stack.enter_context(_prepared(case))) for case in cases(many)]
        measured: dict[str, list[Figures]] = {case.name: [] for case, *_ in running_cases}
        for _ in range(rounds):
            for case, server, load in running_cases:
                measured[case.name].append(_figures(server, load))
    return {name: Figures(*map(min, zip(*figures, strict=True))) for name, figures in measured.items()}


def _figures(server: Server, load: Load) -> Figures:
    load.take_turns(OURS.dialect, 1, WARM_UP_S)
    before_s = server.cpu_s()
    relayed = load.take_turns(OURS.dialect, 1, SECONDS)
    return Figures((server.cpu_s() - before_s) * 1e6 / relayed.sent, relayed.p99_us)


@contextmanager
def _prepared(case: Case) -> Iterator[tuple[Server, Load]]:
    with running(OURS) as server, load_on(server.port) as load:
        load.meet(OURS.dialect, case.pairs)
        load.scatter(OURS.dialect, case.alone)
        yield server, load


def allow_open_files(count: int) -> None:
    """Let this process and its child processes open `count` files. Ends the program if the system forbids it."""
    if sys.platform == "win32":  # Windows has no such limit
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        sys.exit(f"this benchmark opens {count:,} files at once, and this system allows {hard:,} (`ulimit -Hn`)")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=MANY, help="how many connections are compared with ten")
    parser.add_argument("--quick", action="store_true", help="500 connections, and one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    asked = parser.parse_args(arguments)
    many, rounds = (500, 1) if asked.quick else (asked.many, asked.rounds)
    allow_open_files(many + OTHER_FILES)
    measured = measure(many, rounds)
    if asked.json:
        print(json.dumps({"connections": many, **{name: each._asdict() for name, each in measured.items()}}))
        return
    print(f"CPU time of the sidecar for each offer, best of {rounds} rounds (the ratio should be at most {MAX_RATIO}):")
    for case in cases(many):
        connections, rooms = 2 * case.pairs + case.alone, case.pairs + case.alone
        cpu_us, p99_us = measured[case.name]
        relaying = "all of them relay" if case.alone == 0 else f"{2 * case.pairs} of them relay"
        print(
            f"{connections:6,} connections in {rooms:5,} rooms, {relaying:20}{cpu_us:8.1f} µs"
            f"{cpu_us / measured['few'].cpu_us:8.2f}   99 of 100 arrive within {p99_us / 1000:.1f} ms"
        )


if __name__ == "__main__":
    main()
