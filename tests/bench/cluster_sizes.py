"""Calculate the instances, the Redis resources and the lease that a cluster with many peers needs, and name the limits
that it exceeds.

    python -m tests.bench.cluster_sizes
    python -m tests.bench.cluster_sizes --peers 50000 --stay-s 600

It measures nothing itself, but calculates with results of `python -m tests.bench.cluster_costs` (`RELAY` and `HUBS`).
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
"""The costs of hubs of different sizes. In a large hub, each peer needs more CPU time, because the processor has to
fetch its data from the memory."""
JOIN_US = 1100.0
"""The CPU time of a sidecar for a client that connects and joins (`OPERATORS.md`)."""
IDLE_CONNECTION_BYTES = 10 * 1024
PING_SHARE = 0.036 / 5000
"""The share of a core for the pings of one idle connection (`make bench-growing`)."""
FRAMES_OF_A_PAIR = 15
"""The number of frames that two peers send to each other until they are connected."""
MEAN_FRAME_BYTES = 330
"""The mean size of these frames: two are descriptions of 1.5 kB, the others are candidates of 150 bytes."""
BUSY = 0.6
"""The highest share of a core that should be busy, so that frames that arrive together wait only for milliseconds."""
MAX_PAUSE_S = 1.0
COMMITS_PER_S = 500
"""An estimate of the commits that the owner can make per second, because each has to wait for an answer of Redis."""
COMMAND_US = 15.0
"""An estimate of the CPU time that Redis needs to send the log lines of a commit to one more instance."""
LARGEST_VALUE_BYTES = 512 * 2**20  # `proto-max-bulk-len`, the default of Redis for one argument of a command
LEASE_S = Settings.cluster_lease_s


class Crowd(NamedTuple):
    peers: int
    peers_per_room: int
    stay_s: float
    """How long a peer stays in its room. Then another peer joins in its place."""
    connections: int
    """The highest number of connections at one instance."""

    @property
    def joins_per_s(self) -> float:
        return self.peers / self.stay_s

    @property
    def relays_per_s(self) -> float:
        """Each peer that joins connects to all others in its room, and each pair sends `FRAMES_OF_A_PAIR` frames."""
        return self.joins_per_s * (self.peers_per_room - 1) * FRAMES_OF_A_PAIR


class Sizes(NamedTuple):
    relays_per_s: float
    owner_cores: float
    """The cores that the owner would need. A sidecar can use only one core, so more than 1 is too much."""
    instances: int
    """The number of instances that the connections and the CPU time of the fronts require, including the owner."""
    instance_cores: float
    """The share of a core that each instance except the owner uses."""
    instance_bytes: float
    """The memory of each instance: for its connections, and for the hub, which each instance may have to take over."""
    redis_cores: float
    redis_bytes: float
    """The memory of Redis: two checkpoints, and the log lines after each of them."""
    redis_commands_per_s: float
    """The highest number of Redis commands: fronts that have nothing to send cause fewer."""
    redis_in_bytes_per_s: float
    redis_out_bytes_per_s: float
    """The bytes that Redis sends to all instances, each of which copies the whole log."""
    checkpoint_bytes: float
    pause_s: float
    """The time that the owner needs for a checkpoint. The owner does nothing else meanwhile."""
    pause_every_s: float
    lease_s: float
    """The shortest lease with which an instance that is only busy is never declared dead."""
    takeover_s: float
    """The time from the end of the owner until the next owner relays the first frame."""


def _of_mean_size(relay: RelayCosts) -> RelayCosts:
    """Return the costs of relaying a frame of mean size, calculated from those of an offer.

    Redis receives each frame three times: from the front, in the log, and in the owner's message to a front. It sends
    the frame four times, because in the measurement two instances copied the log.
    """
    less = SDP_BYTES - MEAN_FRAME_BYTES
    return relay._replace(
        in_bytes=relay.in_bytes - 3 * less, out_bytes=relay.out_bytes - 4 * less, log_bytes=relay.log_bytes - less
    )


def sizes(crowd: Crowd, relay: RelayCosts = RELAY, hubs: Sequence[HubCosts] = HUBS) -> Sizes:
    relay = _of_mean_size(relay)
    hub = next((each for each in hubs if crowd.peers <= each.peers), hubs[-1])
    relays, joins = crowd.relays_per_s, crowd.joins_per_s
    # For each join, the owner sends about as many notices as there are peers in the room. A notice costs as much as a
    # relay.
    told = relays + joins * crowd.peers_per_room
    front_us = told * (relay.front_us - relay.copy_us) + joins * JOIN_US + crowd.peers * PING_SHARE * 1e6
    copying = told * relay.copy_us / 1e6
    instances = _instances(crowd, front_us / 1e6, copying)
    commits = min(told, COMMITS_PER_S)
    checkpoint = crowd.peers * hub.checkpoint_bytes
    after = max(CHECKPOINT_EVERY_BYTES, 2 * checkpoint)  # bytes of log lines between two checkpoints
    pause_s = crowd.peers * hub.checkpoint_us / 1e6
    # An instance renews its lease three times during the lease, but not while it writes a checkpoint. When it takes
    # over the rooms, it renews the lease for longer than usual.
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
        # For each commit, every front sends the commands of its clients, and reads the log and its messages.
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
    """Return how many instances are needed, with one in reserve. The owner serves no clients, because the hub needs its
    core."""
    for_clients = max(0.05, BUSY - copying)  # the share of a core
    return 1 + max(ceil(crowd.peers / crowd.connections), ceil(front_s / for_clients)) + 1


def limits(found: Sizes) -> list[str]:
    """Return a sentence for each limit that the cluster exceeds."""
    reasons = {
        "the hub needs more CPU time than one core has": found.owner_cores > BUSY,
        "Redis needs more CPU time than one core has": found.redis_cores > BUSY,
        "copying the log takes too much CPU time at the other instances": found.instance_cores > BUSY + 0.05,
        "the checkpoint is larger than a value that Redis accepts": found.checkpoint_bytes > LARGEST_VALUE_BYTES,
        "Redis sends more than 10 Gbit/s": found.redis_out_bytes_per_s > 10e9 / 8,
        "each checkpoint blocks all frames for more than a second": found.pause_s > MAX_PAUSE_S,
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
        ("each instance", [f"{each.instance_cores:.2f} cores" for each in results]),
        ("memory of each", [f"{each.instance_bytes / 1e6:,.0f} MB" for each in results]),
        ("Redis", [f"{each.redis_cores:.2f} cores" for each in results]),
        ("Redis memory", [f"{each.redis_bytes / 1e6:,.0f} MB" for each in results]),
        ("Redis commands", [f"{each.redis_commands_per_s:,.0f} /s" for each in results]),
        ("Redis receives", [f"{each.redis_in_bytes_per_s / 1e6:,.1f} MB/s" for each in results]),
        ("Redis sends", [f"{each.redis_out_bytes_per_s / 1e6:,.1f} MB/s" for each in results]),
        ("checkpoint", [f"{each.checkpoint_bytes / 1e6:,.0f} MB" for each in results]),
        ("time for it", [f"{each.pause_s:.2f} s" for each in results]),
        ("time between", [f"{each.pause_every_s:,.0f} s" for each in results]),
        ("lease", [f"{each.lease_s:.0f} s" for each in results]),
        ("takeover", [f"{each.takeover_s:.1f} s" for each in results]),
    ]
    lines = [f"{name:16}" + "".join(f"{cell:>18}" for cell in cells) for name, cells in rows]
    for crowd, each in zip(crowds, results, strict=True):
        lines += [f"{crowd.peers:,} peers, {crowd.stay_s / 60:.0f} min: {reason}" for reason in limits(each)]
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=int, help="how many peers there are; by default, four examples")
    parser.add_argument("--peers-per-room", type=int, default=10)
    parser.add_argument("--stay-s", type=float, default=1800.0, help="how long each peer stays in its room")
    parser.add_argument("--connections", type=int, default=10_000, help="how many connections one instance has")
    asked = parser.parse_args(arguments)
    one = [Crowd(asked.peers, asked.peers_per_room, asked.stay_s, asked.connections)] if asked.peers else CROWDS
    print("\n".join(table(one)))


if __name__ == "__main__":
    main()
