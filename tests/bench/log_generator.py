"""Generate a log like that of a busy sidecar with hundreds of simultaneous rooms."""

from __future__ import annotations

import gzip
import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from signaling_sidecar.eventlog.line import encode_lines, line_of
from signaling_sidecar.eventlog.retention import GZIP_LEVEL
from signaling_sidecar.hub.checkpoint import Checkpoint, RoomInLog, SessionState
from signaling_sidecar.hub.effects import Record
from tests.bench.room_story import RoomStory

BOOT = "b00tb00tb00tb0"
T0_S = 1_795_000_000.0
STEP_S = 0.002  # 500 records a second
ROOMS_AT_ONCE = 300
PACKED_SHARE = 0.5  # the share of the segments that are compressed; a running sidecar compresses the older segments


def write_log(folder: Path, events: int, segments: int = 10, seed: int = 1) -> list[Path]:
    """Write a log of one run with `events` records in `segments` files. The older half of the files is compressed.

    The same arguments always give the same log.
    """
    stories = _Stories(random.Random(seed))
    bounds = [events * number // segments for number in range(segments + 1)]
    return [
        _write_segment(folder, number, stories, range(first + 1, last + 1), packed=number <= segments * PACKED_SHARE)
        for number, (first, last) in enumerate(itertools.pairwise(bounds), 1)
    ]


def _write_segment(folder: Path, number: int, stories: _Stories, seqs: range, *, packed: bool) -> Path:
    path = folder / f"events-{BOOT}-{number:04}.jsonl"
    target = path.with_name(path.name + ".gz") if packed else path
    with gzip.open(target, "wb", GZIP_LEVEL) if packed else target.open("wb") as file:
        header = Record("log.header", data={"boot": BOOT, "segment": number, "version": "0.1.0"})
        beginning = iter([header, Record("log.checkpoint", data=msgspec.json.encode(stories.checkpoint()))])
        for seq in seqs:
            file.write(_line(next(beginning, None) or stories.next(), seq))
    return target


def _line(record: Record, seq: int) -> bytes:
    data = record.data
    text = data.decode() if isinstance(data, bytes) else None if data is None else json.dumps(data)
    return encode_lines([line_of(record, seq, round(T0_S + seq * STEP_S, 6), text)])


class _Stories:
    """The simulated rooms that are open at the same time. When a room ends, another one begins."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._begun = 0
        self._open: list[tuple[RoomStory, Iterator[Record]]] = [self._begin() for _ in range(ROOMS_AT_ONCE)]

    def next(self) -> Record:
        at = self._rng.randrange(ROOMS_AT_ONCE)
        record = next(self._open[at][1], None)
        if record is None:
            self._open[at] = self._begin()
            record = next(self._open[at][1])
        return record

    def checkpoint(self) -> Checkpoint:
        return Checkpoint([_state(story) for story, _ in self._open if story.present], [])

    def _begin(self) -> tuple[RoomStory, Iterator[Record]]:
        self._begun += 1
        story = RoomStory(f"room-{self._begun}", self._rng)
        return story, story.records()


def _state(story: RoomStory) -> RoomInLog:
    return RoomInLog(
        dialect=story.dialect,
        room=story.room,
        capacity=100,
        listed=True,
        created_at_ms=int(T0_S * 1000),
        idle_s=0.0,
        sessions=[
            SessionState(
                session=peer.session, peer=peer.id, joined_at_ms=0, name=peer.name, instance=peer.page,
                connection=peer.connection,
            )
            for peer in story.present
        ],
    )  # fmt: skip
