"""Measure the CPU time of the hub for each command, and its memory, with up to a million peers and no connections.

    python -m tests.bench.hub

Each number of peers is measured in a process of its own. There are ten peers in each room, and their sessions can be
resumed. Most figures are the best of several rounds in which the same thousand peers send commands while all others are
idle. For the figures with "(any)", the senders are chosen at random from all peers, so that the processor has to fetch
most of their data from the memory.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import psutil

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.dialects.rooms import AWAY_NOTICE_S
from signaling_sidecar.hub import Ending, Hub, checkpoint, commands
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.rules import RoomKey
from signaling_sidecar.server.garbage import look_for_garbage_rarely
from signaling_sidecar.server.random_ids import RandomIds
from signaling_sidecar.settings import Settings
from tests.kit.checkout import ROOT

PEERS = (1_000, 10_000, 100_000, 1_000_000)
PEERS_PER_ROOM = 10
ACTIVE = 1_000
"""How many peers send commands. They are always the same ones, except for the figures with "(any)"."""
ROUNDS = 3
AT_ONCE = 1_000
"""How many commands are created before the hub handles them. Only the handling is measured."""
OFFER = b'{"type":"offer","sdp":"%s"}' % (b"x" * 1500)
MAX_RATIO = 1.2
"""The requirement: the highest ratio of the CPU time for a command with the most peers to that with the fewest."""


class Result(NamedTuple):
    peers: int
    cpu_us: dict[str, float]
    """The CPU time for each command, and for each peer in a checkpoint, in µs."""
    peer_bytes: float
    """The memory for each peer, including a share of the memory of the peer's room."""
    collection_ms: float
    """The longest garbage collection, during which the process does nothing else."""
    checkpoint_mb: float
    """The size of a checkpoint as JSON."""


class Crowd:
    """A hub, and the simulated peers in its rooms. A peer is represented by a number."""

    def __init__(self, peers: int) -> None:
        self.hub = Hub({"rooms": DIALECTS["rooms"].rules(Settings())}, peers, RandomIds())
        self.now_s = 0.0
        self._everybody = range(peers)
        self._connections = list(self._everybody)
        self._next_connection = itertools.count(peers)
        self._tokens = [""] * peers
        self._random = random.Random(1)

    def active(self) -> Sequence[int]:
        return self._everybody[:ACTIVE]

    def some(self) -> Sequence[int]:
        """Choose some peers at random."""
        return self._random.sample(self._everybody, min(ACTIVE, len(self._everybody)))

    def us_for_all(self, make: Callable[[int], Command]) -> float:
        return self.us_for(make, self._everybody)

    def us_for(self, make: Callable[[int], Command], peers: Sequence[int]) -> float:
        """Let each of these peers send a command. Returns the CPU time for each command in µs."""
        us = 0.0
        for at in range(0, len(peers), AT_ONCE):
            chunk = peers[at : at + AT_ONCE]
            made = [make(peer) for peer in chunk]
            began_s = time.process_time()
            done = [self.hub.handle(command, self.now_s) for command in made]
            us += (time.process_time() - began_s) * 1e6
            for peer, effects in zip(chunk, done, strict=True):
                self._take_token(peer, effects)
        return us / len(peers)

    def us_of_deadlines(self, after_s: float, deadlines: int) -> float:
        """Let time pass, and handle the deadlines that are then due. Returns the CPU time for each deadline in µs."""
        self.now_s += after_s
        return self.us_of(self._catch_up) / deadlines

    def _catch_up(self) -> None:
        while (next_s := self.hub.next_deadline_s) is not None and next_s <= self.now_s:
            self.hub.handle(commands.Tick(), self.now_s)

    @staticmethod
    def us_of(act: Callable[[], object]) -> float:
        began_s = time.process_time()
        act()
        return (time.process_time() - began_s) * 1e6

    def _take_token(self, peer: int, effects: list[Effect]) -> None:
        for effect in effects:
            ticket = getattr(effect.message, "ticket", None) if isinstance(effect, Send) else None
            if ticket is not None:
                self._tokens[peer] = ticket.token

    # --- the commands ------------------------------------------------------------------------------------------------

    def join(self, peer: int) -> Command:
        self._connections[peer] = next(self._next_connection)
        return commands.Join(
            connection=self._connections[peer],
            room=RoomKey("rooms", f"room-{peer // PEERS_PER_ROOM}"),
            at_ms=0,
            peer=_id(peer),
            name=f"Peer {peer}",
            instance=f"page-{peer}",
            token=self._tokens[peer] or None,
            resumable=True,
        )

    def acknowledge(self, peer: int) -> Command:
        """Return the command by which the peer acknowledges all frames that it has received."""
        connection = self._connections[peer]
        return commands.Numbered(connection, commands.Acknowledge(connection), a=PEERS_PER_ROOM, c=None)

    def relay(self, peer: int) -> Command:
        return commands.Relay(self._connections[peer], "offer", _id(_neighbour(peer)), None, OFFER)

    def update(self, peer: int) -> Command:
        return commands.Update(connection=self._connections[peer], name=f"Peer {self._random.random()}")

    def lose(self, peer: int) -> Command:
        return commands.End(self._connections[peer], Ending.LOST)

    def leave(self, peer: int) -> Command:
        self._tokens[peer] = ""
        return commands.Leave(connection=self._connections[peer])


def _id(peer: int) -> str:
    return f"peer-{peer}"


def _neighbour(peer: int) -> int:
    return peer + 1 if (peer + 1) % PEERS_PER_ROOM else peer + 1 - PEERS_PER_ROOM


class _Collections:
    """Measures how long the garbage collections take."""

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self._began_s = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            self._began_s = time.perf_counter()
        else:
            self.longest_ms = max(self.longest_ms, 1000 * (time.perf_counter() - self._began_s))


def measure(peers: int) -> Result:
    """Let all peers join, and then let some of them send commands of every other kind."""
    look_for_garbage_rarely()
    collections, process = _Collections(), psutil.Process()
    before_bytes = process.memory_info().rss
    crowd = Crowd(peers)
    joined_us = crowd.us_for_all(crowd.join)
    crowd.us_for_all(crowd.acknowledge)
    peer_bytes = (process.memory_info().rss - before_bytes) / peers
    rounds = [_round(crowd, crowd.active()) for _ in range(ROUNDS)]
    us = {"join (all)": joined_us, **{name: min(each[name] for each in rounds) for name in rounds[0]}}
    us |= {f"{name} (any)": us_ for name, us_ in _round(crowd, crowd.some()).items()}
    us["room in list"] = crowd.us_of(lambda: crowd.hub.lobby.rooms("rooms")) / len(crowd.hub.membership)
    stored: list[bytes] = []
    us["in checkpoint"] = crowd.us_of(lambda: stored.append(msgspec.json.encode(checkpoint(crowd.hub, 0.0)))) / peers
    return Result(peers, us, peer_bytes, collections.longest_ms, len(stored[0]) / 1e6)


def _round(crowd: Crowd, peers: Sequence[int]) -> dict[str, float]:
    """Let these peers send one kind of command after the other. Returns the CPU time for each kind in µs."""
    return {
        "relay": crowd.us_for(crowd.relay, peers),
        "update": crowd.us_for(crowd.update, peers),
        "connection lost": crowd.us_for(crowd.lose, peers),
        "others are told": crowd.us_of_deadlines(AWAY_NOTICE_S, len(peers)),
        "return": crowd.us_for(crowd.join, peers),
        "leave": crowd.us_for(crowd.leave, peers),
        "join": crowd.us_for(crowd.join, peers),
        "old deadline": crowd.us_of_deadlines(Settings().grace_s, len(peers)),
    }


def table(results: Sequence[Result]) -> list[str]:
    first, last = results[0], results[-1]
    lines = [f"{'CPU for each':22}" + "".join(f"{result.peers:>12,}" for result in results) + f"{'ratio':>8}"]
    for name, us in last.cpu_us.items():
        cells = "".join(f"{result.cpu_us[name]:9.2f} µs" for result in results)
        lines.append(f"{name:22}{cells}{us / first.cpu_us[name]:8.2f}")
    others = {
        "memory for each": ("peer_bytes", "B "),
        "collection": ("collection_ms", "ms"),
        "checkpoint": ("checkpoint_mb", "MB"),
    }
    for name, (field, unit) in others.items():
        lines.append(f"{name:22}" + "".join(f"{getattr(result, field):9,.0f} {unit}" for result in results))
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=int, nargs="+", default=PEERS, help="how many peers there are")
    parser.add_argument("--quick", action="store_true", help="at most 100,000 peers")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.here:
        print(json.dumps([measure(peers) for peers in asked.peers]))
        return
    results = [_in_a_process(peers) for peers in asked.peers if not asked.quick or peers <= 100_000]
    if asked.json:
        print(json.dumps([result._asdict() for result in results]))
    else:
        print("\n".join(table(results)))


def _in_a_process(peers: int) -> Result:
    words = [sys.executable, "-m", "tests.bench.hub", "--here", "--peers", str(peers)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    (result,) = json.loads(done.stdout)
    return Result(*result)


if __name__ == "__main__":
    main()
