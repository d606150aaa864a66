"""Measure what a cluster costs: its messages and commits in real processes, and its hub with many peers.

    python -m tests.bench.cluster_costs

The first part runs a Redis server and three sidecars. One sidecar is the owner. All clients, which relay offers in
pairs, are connected to the second one, so that each offer goes through Redis twice. The third one has no clients, and
only copies the log.

The second part is about the hub of the cluster, and needs no server. It measures the size of a checkpoint with many
peers, and how long the hub is blocked while it writes the checkpoint or is restored from it. `cluster_sizes` calculates
with the results.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import msgspec
import psutil
import redis

from signaling_sidecar.cluster.scripts import PREFIX
from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.eventlog.line import encode_lines
from signaling_sidecar.eventlog.line_maker import LineMaker
from signaling_sidecar.hub import Checkpoint, Hub, Past, Restore, checkpoint, read_back
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.server.garbage import look_for_garbage_rarely
from signaling_sidecar.server.random_ids import RandomIds
from signaling_sidecar.settings import Settings
from tests.bench.clients import load_on
from tests.bench.cluster import member, redis_server
from tests.bench.contenders import OURS, running
from tests.bench.hub import Crowd
from tests.bench.relaying import PAIRS
from tests.kit.checkout import ROOT

PEERS = (10_000, 100_000, 1_000_000)
WINDOW = 8
SECONDS = 3.0
WARM_UP_S = 1.0
SENT = ("evalsha", "xread")
"""The Redis commands that a sidecar sends after its start."""
SETTLED_S = 1.5  # seconds in which every instance renews its lease and trims its streams


class RelayCosts(NamedTuple):
    """The costs of relaying one offer of 1.5 kB between two clients that are not connected to the owner."""

    owner_us: float
    front_us: float
    """The CPU time of the sidecar that serves the clients: it reads and sends the offer, and copies the log."""
    copy_us: float
    """The CPU time of every other sidecar, which copies the log."""
    redis_us: float
    commands: float
    """The number of commands that all three sidecars sent to Redis, while 400 offers were in flight. Commands inside of
    scripts do not count."""
    in_bytes: float
    """The bytes that Redis received."""
    out_bytes: float
    """The bytes that Redis sent, including two copies of the log."""
    log_bytes: float
    """The additional bytes that Redis would send if there was one more sidecar."""


class HubCosts(NamedTuple):
    """The costs of the hub's state. All times are CPU times."""

    peers: int
    peer_bytes: float
    """The memory of the hub for each peer, including a share of the memory of the peer's room."""
    checkpoint_bytes: float
    """The size of a checkpoint for each peer."""
    checkpoint_us: float
    """The time for writing a checkpoint, for each peer. The hub does nothing else meanwhile."""
    restore_us: float
    """The time for restoring the hub from a checkpoint, for each peer. The hub does nothing else meanwhile."""
    line_us: float
    """The time for restoring from each line of the log after the checkpoint."""


# --- messages and commits --------------------------------------------------------------------------------------------


def measure_relays() -> RelayCosts:
    with ExitStack() as work:
        server = work.enter_context(redis_server())
        client: Any = work.enter_context(redis.Redis(port=server.port))
        # The first sidecar of a cluster is the owner as soon as it listens.
        owner, front, copy = (work.enter_context(running(member(server.url))) for _ in range(3))
        load = work.enter_context(load_on(front.port))
        assert _first_has_rooms(client)

        def counts() -> dict[str, float]:
            sidecars = {"owner_us": owner, "front_us": front, "copy_us": copy}
            return {name: 1e6 * each.cpu_s() for name, each in sidecars.items()} | _counts_of_redis(client)

        load.meet(OURS.dialect, PAIRS)
        load.relay(OURS.dialect, WINDOW, WARM_UP_S)
        time.sleep(SETTLED_S)
        before = counts()
        sent = load.relay(OURS.dialect, WINDOW, SECONDS).sent
        each = {name: (after - before[name]) / sent for name, after in counts().items()}
        assert _first_has_rooms(client), "another sidecar has taken the rooms over, because the machine is too busy"
        return RelayCosts(log_bytes=_log_bytes(client), **each)


def _first_has_rooms(client: Any) -> bool:
    return bool(client.hget(f"{PREFIX}owner", "instance") == b"1")


def _counts_of_redis(client: Any) -> dict[str, float]:
    about, commands, cpu = (client.info(section) for section in ("stats", "commandstats", "cpu"))
    return {
        "redis_us": 1e6 * (cpu["used_cpu_user"] + cpu["used_cpu_sys"]),
        "commands": sum(commands.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in SENT),
        "in_bytes": about["total_net_input_bytes"],
        "out_bytes": about["total_net_output_bytes"],
    }


def _log_bytes(client: Any) -> float:
    """Return the mean size of a log line. Nearly all recent lines are relayed offers."""
    entries = client.xrevrange(f"{PREFIX}log", count=50)
    texts = [fields[b"lines"] for _, fields in entries if b"lines" in fields]
    return sum(map(len, texts)) / sum(text.count(b"\n") for text in texts)


# --- the hub ---------------------------------------------------------------------------------------------------------


def measure_hub(peers: int) -> HubCosts:
    look_for_garbage_rarely()
    process = psutil.Process()
    before_bytes = process.memory_info().rss
    crowd = Crowd(peers)
    crowd.us_for_all(crowd.join)
    crowd.us_for_all(crowd.acknowledge)
    peer_bytes = (process.memory_info().rss - before_bytes) / peers
    began_s = time.process_time()
    state = msgspec.json.encode(checkpoint(crowd.hub, 0.0))
    checkpoint_us = _us_since(began_s)
    lines = _lines(crowd)
    del crowd
    restored = Hub({"rooms": DIALECTS["rooms"].rules(Settings())}, peers, RandomIds())
    restore = Restore(restored, lambda _: True)
    began_s = time.process_time()
    read, _ = read_back(state, Checkpoint)
    restore.start(read, 0.0)
    del read
    restore_us = _us_since(began_s)
    began_s = time.process_time()
    for line in msgspec.json.Decoder(Past).decode_lines(lines):
        restore.apply(line)
    line_us = _us_since(began_s) / lines.count(b"\n")
    restore.finish(0.0)
    assert sum(len(room.sessions) for room in restored.membership.rooms) == peers
    return HubCosts(peers, peer_bytes, len(state) / peers, checkpoint_us / peers, restore_us / peers, line_us)


def _lines(crowd: Crowd) -> bytes:
    """Return the log lines after the checkpoint: each active peer relays an offer."""
    relays = map(crowd.relay, crowd.active())
    effects = (effect for command in relays for effect in crowd.hub.handle(command, crowd.now_s))
    maker = LineMaker("full")
    return encode_lines([maker.line(effect) for effect in effects if isinstance(effect, Record)])


def _us_since(began_s: float) -> float:
    return 1e6 * (time.process_time() - began_s)


def _in_a_process(peers: int) -> HubCosts:
    words = [sys.executable, "-m", "tests.bench.cluster_costs", "--here", "--peers", str(peers)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    (measured,) = json.loads(done.stdout)
    return HubCosts(*measured)


def table(costs: Iterable[NamedTuple]) -> list[str]:
    """Return a table with a line for each figure, and a column for each measurement."""
    rows = zip(*(each._asdict().items() for each in costs), strict=True)
    return [f"{row[0][0]:20}" + "".join(f"{value:14,.2f}" for _, value in row) for row in rows]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peers", type=int, nargs="*", default=PEERS, help="the numbers of peers in the hub; may be empty"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often relays are measured; 0 leaves them out")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.here:
        print(json.dumps([measure_hub(peers) for peers in asked.peers]))
        return
    if asked.rounds:
        print("A relayed offer (each figure is the smallest of all rounds):")
        rounds = [measure_relays() for _ in range(asked.rounds)]
        print("\n".join(table([RelayCosts(*map(min, zip(*rounds, strict=True)))])))
    if asked.peers:
        print("The hub:")
        print("\n".join(table([_in_a_process(peers) for peers in asked.peers])))


if __name__ == "__main__":
    main()
