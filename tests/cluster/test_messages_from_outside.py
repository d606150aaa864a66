"""Messages that no sidecar has written, in the streams of a cluster, cost nobody anything but a warning."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from tests.cluster.traffic import traffic
from tests.kit.cluster_processes import ClusterProcesses, Instance, cluster_processes
from tests.kit.redis_server import RedisServer

IGNORED = "in Redis is ignored"
HUGE = "x" * 3_000_000
NOT_BATCHES: list[str | bytes] = [
    "",
    "x",
    "{}",
    "[1]",
    "null",
    b"\xff\0\xfe",
    "[" * 100_000,
    HUGE,
    '[{"type":"Gone"}]\0[5]\0',
]


async def test_messages_to_the_owner(tmp_path: Path, redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, redis) as cluster, traffic(cluster):
        await asyncio.sleep(0.5)
        owner, [front, other] = await cluster.owner(), await cluster.fronts()
        here, there = _number(cluster, front), _number(cluster, other)
        theirs = there * 1_000_000_000 + 1
        forged: list[dict[str, Any]] = [
            *(
                {"type": "Note", "record": {"type": each}}
                for each in ("signal.refused", "connection.closed", "peer.left")
            ),
            {"type": "Gone", "instance": there},
            {
                "type": "Ended",
                "connection": theirs,
                "ending": "left",
                "by": "peer",
                "code": 1,
                "reason": "",
                "dialect": None,
            },
            {"type": "Ask", "command": {"type": "Leave", "connection": theirs}, "dialect": None},
            {"type": "Ask", "command": {"type": "Tick"}, "dialect": None},
            {"type": "Ask", "command": {"type": "SetRules", "rules": {}, "max_rooms": 0}, "dialect": None},
            _several({"type": "Leave", "connection": theirs}),
            {"type": "Call", "id": 1, "request": {"type": "Check", "command": {"type": "Leave", "connection": theirs}}},
        ]
        entries: list[dict[str, Any]] = [{"x": "y"}, *({"batch": each} for each in NOT_BATCHES)]
        entries += [{"from": sender, "batch": each} for each in NOT_BATCHES for sender in ("0", here)]
        entries += [
            {"from": sender, "batch": json.dumps([each])} for each in forged for sender in ("x", "-1", "99999", here)
        ]
        for entry in entries:
            cluster.redis.xadd("signaling-sidecar:in", entry)
        await owner.program.line(IGNORED, len(entries), 20)
        assert await cluster.owner() is owner


async def test_messages_to_a_front(tmp_path: Path, redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, redis) as cluster, traffic(cluster):
        await asyncio.sleep(0.5)
        owner, [front, _] = await cluster.owner(), await cluster.fronts()
        for instance in (owner, front):
            number = _number(cluster, instance)
            batch = [
                {"type": "Close", "connection": 7, "code": 1000, "reason": ""},
                {"type": "Challenge", "connection": number * 1_000_000_000 + 900},
                {"type": "Reply", "call": 5, "answer": {"type": "Administered", "refusal": None}},
            ]
            entries: list[dict[str, Any]] = [{"x": "y"}, *({"batch": each} for each in NOT_BATCHES)]
            for entry in [
                *entries,
                {"owner": "x", "fence": "y"},
                {"owner": "", "fence": ""},
                {"batch": json.dumps(batch)},
            ]:
                cluster.redis.xadd(f"signaling-sidecar:out:{number}", entry)
            await instance.program.line(IGNORED, len(entries), 20)
        assert await cluster.owner() is owner


async def test_entries_of_the_log(tmp_path: Path, redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, redis) as cluster, traffic(cluster):
        left = json.dumps(
            {"v": 1, "seq": 1, "ts": 1.0, "type": "peer.left", "dialect": "rooms", "room": "room-0", "peer": "peer-1"}
        )
        next_step = int(cluster.redis.hget("signaling-sidecar:owner", "step") or 0)
        entries: list[dict[str, Any]] = [
            {"x": "y"},
            {"lines": "x\n"},
            {"step": "x", "seq": "y", "ts": "z", "lines": "x\n"},
        ]
        for step in (1, next_step, 10**9):
            entries += [
                {"step": step, "seq": seq, "ts": "1.0", **content}
                for seq in (1, 10**9)
                for content in (
                    {"lines": "x\n"},
                    {"lines": left + "\n"},
                    {"lines": HUGE},
                    {"checkpoint": "{}"},
                    {"checkpoint": "x"},
                    {},
                )
            ]
        for entry in entries:
            cluster.redis.xadd("signaling-sidecar:log", entry)
        for front in await cluster.fronts():
            await front.program.line(IGNORED, within_s=20)
        await (await cluster.owner()).kill()
        await cluster.owner()
        await asyncio.sleep(0.5)
    for number in (1, 2, 3):
        _is_sound(tmp_path / f"instance-{number}")


def _several(*singles: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Ask", "command": {"type": "Several", "connection": 1, "commands": singles}, "dialect": None}


def _number(cluster: ClusterProcesses, instance: Instance) -> int:
    """The number of an instance in its cluster."""
    found = cluster.redis.hgetall("signaling-sidecar:instances")
    [number] = [int(number) for number, boot in found.items() if boot.decode() == instance.boot]
    return number


def _is_sound(state_dir: Path) -> None:
    """Every line of the event log is a record, and none is missing."""
    segments = find_segments(state_dir).segments
    records = [json.loads(line) for each in segments for line in whole_lines(each).splitlines()]
    numbers = [each["seq"] for each in records if not each["type"].startswith("log.")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
