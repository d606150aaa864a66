"""Streams the records of this run to a client of the admin API, and ends the stream if the client reads too slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
from aiohttp import web

from signaling_sidecar.errors import NOT_JSON, NoLog
from signaling_sidecar.eventlog.records import beginning_of
from signaling_sidecar.eventlog.segment_text import text_lines
from signaling_sidecar.eventlog.segments import find_segments

MAX_BEHIND_BYTES = 4 * 1024 * 1024  # bytes of new lines that are buffered for a client; with more, its stream ends
BATCH_BYTES = 262_144  # bytes of old lines that are read and sent at a time


class _Seq(msgspec.Struct):
    seq: int


class Follower:
    """Buffers the new lines of the event log until they are sent to one client.

    The stream of a client that reads too slowly is ended. The client may then send its request again."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._bytes = 0
        self._is_over = False
        self._news = asyncio.Event()

    def tell(self, lines: list[bytes]) -> None:
        if self._is_over:
            return
        self._lines += lines
        self._bytes += sum(map(len, lines))
        self._news.set()
        if self._bytes > MAX_BEHIND_BYTES:
            self._lines, self._bytes = [], 0
            self.end()

    def end(self) -> None:
        """End the stream after the lines so far."""
        self._is_over = True
        self._news.set()

    async def news(self) -> list[bytes]:
        """Wait for new lines, and return those since the last call. Returns an empty list if the stream has ended."""
        await self._news.wait()
        if not self._is_over:
            self._news.clear()
        lines, self._lines, self._bytes = self._lines, [], 0
        return lines


class After(NamedTuple):
    """The last record that a client has."""

    seq: int
    boot: str | None
    """The run that has written the record, or None if the client does not name the run."""


async def send_records(response: web.StreamResponse, folder: Path, boot: str, after: After, follower: Follower) -> None:
    """Send the records of the run that are later than `after`: first those in the files, then the new ones."""
    segments = _segments(folder, boot)
    is_of_earlier_run = after.boot is not None and segments and beginning_of(segments[-1]).boot != after.boot
    last = 0 if is_of_earlier_run else after.seq  # each run numbers its records from 1
    past = _lines_after(segments, last)
    while lines := await asyncio.to_thread(_batch, past):
        await response.write(b"".join(lines))
        last = _seq(lines[-1])
    while lines := await follower.news():
        # `follower` may have buffered lines that were also read from the files. They are not sent twice.
        await response.write(b"".join(line for line in lines if _seq(line) > last))


def _batch(lines: Iterator[bytes]) -> list[bytes]:
    batch: list[bytes] = []
    size = 0
    while size < BATCH_BYTES and (line := next(lines, None)) is not None:
        batch.append(line)
        size += len(line)
    return batch


def _segments(folder: Path, boot: str) -> list[Path]:
    try:
        found = find_segments(folder).segments
    except (NoLog, OSError):  # the log was just deleted or made unreadable, and the sidecar will begin a new one
        found = []
    return [path for path in found if path.name.startswith(f"events-{boot}-")]


def _lines_after(segments: Sequence[Path], after: int) -> Iterator[bytes]:
    lines = chain.from_iterable(map(text_lines, segments))
    least = after + 1 if after else 0  # the log of a cluster may begin with a header, whose `seq` is 0
    # A last line without a newline is left out, because it is still being written.
    return (line + b"\n" for line, is_whole in lines if is_whole and line and _seq(line) >= least)


def _seq(line: bytes) -> int:
    try:
        return msgspec.json.decode(line, type=_Seq).seq
    except NOT_JSON:
        return -1  # another program has written this line into the file, so it is left out
