"""Calculate what a cluster needs for many peers: instances, Redis, the lease, and which limit comes first.

    python -m tests.bench.cluster_sizes
    python -m tests.bench.cluster_sizes --peers 50000 --stay-s 600

It multiplies what `python -m tests.bench.cluster_costs` has measured, and measures nothing itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from signaling_sidecar.server.clustered.side import ANSWER_WITHIN_S
from signaling_sidecar.server.clustered.term import CHECKPOINT_EVERY_BYTES
from signaling_sidecar.settings import Settings
from tests.bench.clients import SDP_BYTES
from tests.bench.cluster_costs import HubCosts, RelayCosts

RELAY = RelayCosts(  # of an offer
    owner_us=28, front_us=31, copy_us=8, redis_us=18, commands=0.03, in_bytes=5490, out_bytes=7410, log_bytes=1900
)
HUBS = (
    HubCosts(10_000, peer_bytes=1940, checkpoint_bytes=341, checkpoint_us=7, restore_us=11, line_us=11),
    HubCosts(100_000, peer_bytes=1690, checkpoint_bytes=345, checkpoint_us=6, restore_us=18, line_us=11),
    HubCosts(1_000_000, peer_bytes=1670, checkpoint_bytes=349, checkpoint_us=13, restore_us=30, line_us=12),
)
"""A peer of a large hub costs more, because the processor has to fetch its data from the memory."""
JOIN_US = 1100.0
"""The CPU time of a sidecar for a client that connects and joins (`OPERATORS.md`)."""
IDLE_CONNECTION_BYTES = 10 * 1024
PING_SHARE = 0.036 / 5000
"""The share of a core for the pings of one idle connection (`make bench-growing`)."""
FRAMES_OF_A_PAIR = 15
"""What two peers send each other until they are connected."""
MEAN_FRAME_BYTES = 330
"""Two of these frames are descriptions of 1.5 kB, the others are candidates of 150 bytes."""
BUSY = 0.6
"""How much of a core should be busy at most, so that what comes at once has to wait for milliseconds only."""
MAX_PAUSE_S = 1.0
COMMITS_PER_S = 500
"""An estimate: the owner makes one commit after the other, each of which needs a round trip to Redis."""
COMMAND_US = 15.0
"""An estimate of the CPU time with which Redis sends one more instance the log of a commit."""
LARGEST_VALUE_BYTES = 512 * 2**20  # `proto-max-bulk-len`, the default of Redis for one argument of a command
LEASE_S = Settings.cluster_lease_s


class Crowd(NamedTuple):
    peers: int
    peers_per_room: int
    stay_s: float
    """How long a peer stays in its room. Then another one joins."""
    connections: int
    """At one instance."""

    @property
    def joins_per_s(self) -> float:
        return self.peers / self.stay_s

    @property
    def relays_per_s(self) -> float:
        """A peer that joins is connected to all others in its room."""
        return self.joins_per_s * (self.peers_per_room - 1) * FRAMES_OF_A_PAIR


class Sizes(NamedTuple):
    relays_per_s: float
    owner_cores: float
    """More than one core is more than a cluster can do."""
    instances: int
    """For the connections and for the CPU time of the fronts, the owner included."""
    instance_cores: float
    """Of each instance but the owner."""
    instance_bytes: float
    """The memory for connections of each instance, and that of the hub, which each must be able to take over."""
    redis_cores: float
    redis_bytes: float
    """The memory of Redis: two checkpoints and the lines after each."""
    redis_commands_per_s: float
    """At most: a front whose clients have sent nothing sends nothing."""
    redis_in_bytes_per_s: float
    redis_out_bytes_per_s: float
    """To all instances, each of which copies the whole log."""
    checkpoint_bytes: float
    pause_s: float
    """The time in which the owner writes a checkpoint, and does nothing else."""
    pause_every_s: float
    lease_s: float
    """The shortest one with which no instance is taken for dead while it is busy."""
    takeover_s: float
    """From the end of the owner until the first frame is relayed again."""


def _of_mean_size(relay: RelayCosts) -> RelayCosts:
    """The bytes for a frame of the mean size. Redis receives each frame three times: in a post, in the log, and in what
    the owner tells a front. When that was measured, it sent the log to two instances."""
    less = SDP_BYTES - MEAN_FRAME_BYTES
    return relay._replace(
        in_bytes=relay.in_bytes - 3 * less, out_bytes=relay.out_bytes - 4 * less, log_bytes=relay.log_bytes - less
    )


def sizes(crowd: Crowd, relay: RelayCosts = RELAY, hubs: Sequence[HubCosts] = HUBS) -> Sizes:
    relay = _of_mean_size(relay)
    hub = next((each for each in hubs if crowd.peers <= each.peers), hubs[-1])
    relays, joins = crowd.relays_per_s, crowd.joins_per_s
    # A join costs the owner about as many notices as there are peers in the room, which it logs and sends as relays.
    told = relays + joins * crowd.peers_per_room
    front_us = told * (relay.front_us - relay.copy_us) + joins * JOIN_US + crowd.peers * PING_SHARE * 1e6
    copying = told * relay.copy_us / 1e6
    instances = _instances(crowd, front_us / 1e6, copying)
    commits = min(told, COMMITS_PER_S)
    checkpoint = crowd.peers * hub.checkpoint_bytes
    after = max(CHECKPOINT_EVERY_BYTES, 2 * checkpoint)  # a checkpoint follows this many bytes of lines
    pause_s = crowd.peers * hub.checkpoint_us / 1e6
    # The lease is renewed three times in a lease, but not during a checkpoint. Whoever takes over renews it for longer.
    lease_s = max(LEASE_S, ceil(2 * pause_s))
    lines_s = after / relay.log_bytes * hub.line_us / 1e6
    return Sizes(
        relays_per_s=relays,
        owner_cores=told * relay.owner_us / 1e6,
        instances=instances,
        instance_cores=front_us / 1e6 / instances + copying,
        instance_bytes=min(crowd.peers, crowd.connections) * IDLE_CONNECTION_BYTES + crowd.peers * hub.peer_bytes,
        redis_cores=(told * relay.redis_us + commits * (instances - 3) * COMMAND_US) / 1e6,
        redis_bytes=2 * (checkpoint + after),
        # For each commit, every front sends what its clients have sent, and reads the log and what it is told.
        redis_commands_per_s=commits * 2 * instances,
        redis_in_bytes_per_s=told * relay.in_bytes,
        redis_out_bytes_per_s=told * (relay.out_bytes + relay.log_bytes * (instances - 3)),
        checkpoint_bytes=checkpoint,
        pause_s=pause_s,
        pause_every_s=after / (told * relay.log_bytes),
        lease_s=lease_s,
        takeover_s=lease_s + crowd.peers * hub.restore_us / 1e6 + lines_s + pause_s,
    )


def _instances(crowd: Crowd, front_s: float, copying: float) -> int:
    """How many instances are needed, with one more in reserve. The owner serves no clients, because its core is for the
    hub."""
    for_clients = max(0.05, BUSY - copying)  # of a core of each instance
    return 1 + max(ceil(crowd.peers / crowd.connections), ceil(front_s / for_clients)) + 1


def limits(found: Sizes) -> list[str]:
    """What does not fit, as sentences."""
    reasons = {
        "the one hub has more to do than its core can": found.owner_cores > BUSY,
        "Redis has more to do than its core can": found.redis_cores > BUSY,
        "copying the log leaves the cores of the other instances no time": found.instance_cores > BUSY + 0.05,
        "Redis accepts no checkpoint that is so large": found.checkpoint_bytes > LARGEST_VALUE_BYTES,
        "Redis sends more than 10 Gbit/s": found.redis_out_bytes_per_s > 10e9 / 8,
        "everything waits for more than a second again and again": found.pause_s > MAX_PAUSE_S,
        "a takeover takes longer than a client waits for an answer to its join": found.takeover_s > ANSWER_WITHIN_S,
    }
    return [reason for reason, is_so in reasons.items() if is_so]


CROWDS = [
    Crowd(10_000, 10, 1800, 5_000),
    Crowd(100_000, 10, 1800, 10_000),
    Crowd(1_000_000, 10, 1800, 20_000),
    Crowd(1_000_000, 10, 14_400, 20_000),
]


def table(crowds: Sequence[Crowd]) -> list[str]:
    results = [sizes(crowd) for crowd in crowds]
    rows: list[tuple[str, list[str]]] = [
        ("peers", [f"{crowd.peers:,}" for crowd in crowds]),
        ("each stays for", [f"{crowd.stay_s / 60:.0f} min" for crowd in crowds]),
        ("relayed frames", [f"{each.relays_per_s:,.0f} /s" for each in results]),
        ("the owner", [f"{each.owner_cores:.2f} cores" for each in results]),
        ("instances", [f"{each.instances}" for each in results]),
        ("each of them", [f"{each.instance_cores:.2f} cores" for each in results]),
        ("its memory", [f"{each.instance_bytes / 1e6:,.0f} MB" for each in results]),
        ("Redis", [f"{each.redis_cores:.2f} cores" for each in results]),
        ("its memory", [f"{each.redis_bytes / 1e6:,.0f} MB" for each in results]),
        ("commands", [f"{each.redis_commands_per_s:,.0f} /s" for each in results]),
        ("receives", [f"{each.redis_in_bytes_per_s / 1e6:,.1f} MB/s" for each in results]),
        ("sends", [f"{each.redis_out_bytes_per_s / 1e6:,.1f} MB/s" for each in results]),
        ("checkpoint", [f"{each.checkpoint_bytes / 1e6:,.0f} MB" for each in results]),
        ("a pause for it", [f"{each.pause_s:.2f} s" for each in results]),
        ("one every", [f"{each.pause_every_s:,.0f} s" for each in results]),
        ("lease", [f"{each.lease_s:.0f} s" for each in results]),
        ("takeover", [f"{each.takeover_s:.1f} s" for each in results]),
    ]
    lines = [f"{name:16}" + "".join(f"{cell:>18}" for cell in cells) for name, cells in rows]
    for crowd, each in zip(crowds, results, strict=True):
        lines += [f"{crowd.peers:,} peers, {crowd.stay_s / 60:.0f} min: {reason}" for reason in limits(each)]
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=int, help="how many peers there are; by default, several numbers")
    parser.add_argument("--peers-per-room", type=int, default=10)
    parser.add_argument("--stay-s", type=float, default=1800.0, help="how long each peer stays in its room")
    parser.add_argument("--connections", type=int, default=10_000, help="how many connections one instance has")
    asked = parser.parse_args(arguments)
    one = [Crowd(asked.peers, asked.peers_per_room, asked.stay_s, asked.connections)] if asked.peers else CROWDS
    print("\n".join(table(one)))


if __name__ == "__main__":
    main()
