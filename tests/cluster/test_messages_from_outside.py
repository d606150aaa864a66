"""If another program writes messages into the Redis streams of a cluster, the sidecars only print a warning."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from tests.cluster.traffic import traffic
from tests.kit.cluster_processes import ClusterProcesses, cluster_processes
from tests.kit.redis_server import RedisServer

IGNORED = "in Redis is ignored"
HUGE = "x" * 3_000_000
NOT_BATCHES = ("", "x", "{}", "[1]", "null", b"\xff\0\xfe", "[" * 100_000, HUGE, '[{"type":"Gone"}]\0[5]\0')
Message = dict[str, Any]


async def test_foreign_messages_are_ignored(tmp_path: Path, redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, redis) as cluster, traffic(cluster) as clients:
        await clients.have_received(50)
        owner, [front, other] = await cluster.owner(), await cluster.fronts()
        here, there = cluster.number(front) or 0, cluster.number(other) or 0

        to_owner = [*_not_messages(), *_forged(here, there)]
        _put(cluster, "in", to_owner)
        await owner.program.line(IGNORED, len(to_owner))

        for instance, number in ((owner, cluster.number(owner) or 0), (front, here)):
            to_front = [*_not_messages(), {"owner": "x", "fence": "y"}, {"owner": "", "fence": ""}, _harmless(number)]
            before = instance.program.count(IGNORED)
            _put(cluster, f"out:{number}", to_front)
            await instance.program.line(IGNORED, before + len(to_front) - 3)

        before = front.program.count(IGNORED)
        _put(cluster, "log", _not_log(int(cluster.redis.hget("signaling-sidecar:owner", "step") or 0)))
        await front.program.line(IGNORED, before + 1)

        assert await cluster.owner() is owner
        await owner.kill()
        await cluster.owner()
        await clients.have_received(50)
    for number in (1, 2, 3):
        _assert_log_is_whole(tmp_path / f"instance-{number}")


def _put(cluster: ClusterProcesses, stream: str, entries: Iterable[Message]) -> None:
    for entry in entries:
        cluster.redis.xadd(f"signaling-sidecar:{stream}", entry)


def _not_messages() -> list[Message]:
    return [{"x": "y"}, *({"from": sender, "batch": batch} for batch, sender in product(NOT_BATCHES, ("0", "1")))]


def _forged(here: int, there: int) -> list[Message]:
    """Messages about the connections of the instance `there` that another sender has forged."""
    theirs = there * 1_000_000_000 + 1
    leave = {"type": "Leave", "connection": theirs}
    ended = {"connection": theirs, "ending": "left", "by": "peer", "code": 1000, "reason": "", "dialect": None}
    several = {"type": "Several", "connection": here * 1_000_000_000 + 1, "commands": [leave]}
    notes = ("signal.refused", "connection.closed", "peer.left")
    forged: list[Message] = [
        *({"type": "Note", "record": {"type": each}} for each in notes),
        {"type": "Gone", "instance": there},
        {"type": "Ended", **ended},
        {"type": "Ask", "command": leave, "dialect": None},
        {"type": "Ask", "command": several, "dialect": None},
        {"type": "Ask", "command": {"type": "Tick"}, "dialect": None},
        {"type": "Ask", "command": {"type": "SetRules", "rules": {}, "max_rooms": 0}, "dialect": None},
        {"type": "Call", "id": 1, "request": {"type": "Check", "command": leave}},
    ]
    senders = ("x", "-1", "9" * 5000, str(here))
    return [{"from": sender, "batch": json.dumps([each])} for each, sender in product(forged, senders)]


def _harmless(number: int) -> Message:
    """Messages that an owner could have written, about connections and calls that do not exist."""
    batch: list[Message] = [
        {"type": "Close", "connection": 7, "code": 1000, "reason": ""},
        {"type": "Challenge", "connection": number * 1_000_000_000 + 900},
        {"type": "Reply", "call": 500, "answer": {"type": "Administered", "refusal": None}},
    ]
    return {"batch": json.dumps(batch)}


def _not_log(step: int) -> list[Message]:
    """Invalid entries of the log's stream. Their numbers are missing, too low, right, or too high."""
    left = {"v": 1, "seq": 1, "ts": 1.0, "type": "peer.left", "dialect": "rooms", "room": "room-0", "peer": "peer-1"}
    lines = ("x\n", json.dumps(left) + "\n", HUGE)
    contents = [{}, {"checkpoint": "{}"}, {"checkpoint": "x"}, *({"lines": each} for each in lines)]
    places = product((1, step + 1, 10**9), (1, 10**9))
    entries = [{"step": at, "seq": seq, "ts": "1.0", **each} for (at, seq), each in product(places, contents)]
    return [{"x": "y"}, {"lines": "x\n"}, {"step": "x", "seq": "y", "ts": "z", "lines": "x\n"}, *entries]


def _assert_log_is_whole(state_dir: Path) -> None:
    """Assert that every line of the event log is a record, and that no record is missing or duplicated."""
    segments = find_segments(state_dir).segments
    records = [json.loads(line) for each in segments for line in whole_lines(each).splitlines()]
    numbers = [each["seq"] for each in records if not each["type"].startswith("log.")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
