"""The newest part of the event log in memory, which grows with the log and forgets its oldest segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.eventlog.boot_ids import boot_of
from signaling_sidecar.eventlog.line import SCHEMA_VERSION
from signaling_sidecar.eventlog.records import Header
from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments, newest_of

WINDOW_BYTES = 16 * 1024 * 1024  # the size of the window; a busy sidecar writes as much in half a minute
LEAST_SEGMENTS = 2  # the window has at least this many segments, because the newest one may have only just begun


class Logged(Entry, frozen=True, gc=False):
    """A record with all fields of its line in the log. (`Entry` has only some of them.)"""

    c: int | None = None
    numbers: str | None = None


class Grown(NamedTuple):
    """What one call of `LogWindow.grow` has changed in the window."""

    entries: Sequence[Logged]
    """The entries that were added at the end of the window, or all its entries if `is_cut` is true."""
    is_cut: bool
    """Whether entries of earlier calls are no longer valid. This is so if the window has forgotten its first entries,
    or if the boot id in the records of this run has changed."""


class LogWindow:
    """The newest part of the log in `folder`. The run `boot` of the sidecar writes this log. Must not be used by two
    threads at the same time."""

    def __init__(self, folder: Path, boot: str) -> None:
        self._folder, self._run = folder, boot
        self.boot = boot
        """The boot id in the records of this run. In a cluster, this is the boot id of the whole cluster."""
        self._parts: dict[str, _Part] = {}
        self._read_before: dict[str, int] = {}
        """By boot id, the number of the newest record in the segments that were read completely. Records up to this
        number are skipped in later segments, because an instance of a cluster copies some records again after a
        restart."""

    def grow(self) -> Grown:
        """Read the lines that were written since the last call. Raises NoLog and OSError."""
        paths = self._wanted()
        known = [name for name in self._parts if name in paths]
        is_cut = len(known) < len(self._parts)
        self._parts = {name: self._parts.get(name) or _Part(boot_of(path) or "") for name, path in paths.items()}
        added = self._read(paths)
        while self._has_too_many():
            del self._parts[next(iter(self._parts))]
            is_cut = True
        boot = next((part.boot for part in reversed(self._parts.values()) if part.run == self._run), self._run)
        is_cut |= boot != self.boot
        self.boot = boot
        everything = chain.from_iterable(part.entries for part in self._parts.values())
        return Grown(list(everything) if is_cut else added, is_cut)

    def _read(self, paths: Mapping[str, Path]) -> list[Logged]:
        added: list[Logged] = []
        *finished, _ = self._parts
        for name, part in self._parts.items():
            added += part.read(paths[name], self._read_before)
            if name in finished and not part.is_complete:
                part.is_complete = True
                for boot, seq in part.newest.items():
                    self._read_before[boot] = max(seq, self._read_before.get(boot, seq))
        return added

    def _wanted(self) -> dict[str, Path]:
        """Return the segments that the window should contain: the first segment in the window and all later segments,
        or only the newest segments if the window is empty."""
        segments = find_segments(self._folder).segments
        # A segment that has been compressed is still the same segment.
        paths = {path.name.removesuffix(".gz"): path for path in segments}
        first = next((name for name in self._parts if name in paths), None)
        if first is not None:
            return {name: path for name, path in paths.items() if name >= first}
        newest = newest_of(segments, WINDOW_BYTES, LEAST_SEGMENTS)
        return {path.name.removesuffix(".gz"): path for path in newest}

    def _has_too_many(self) -> bool:
        return (
            len(self._parts) > LEAST_SEGMENTS and sum(part.read_bytes for part in self._parts.values()) > WINDOW_BYTES
        )


class _Part:
    """The part of one segment that was read. `run` is the boot id in the segment's file name."""

    def __init__(self, run: str) -> None:
        self.run = self.boot = run
        self.read_bytes = 0
        self.entries: list[Logged] = []
        self.newest: dict[str, int] = {}
        """By boot id, the number of the newest record in this segment."""
        self.is_complete = False

    def read(self, path: Path, read_before: Mapping[str, int]) -> list[Logged]:
        """Return the records that were added to the segment since the last call. Records that an earlier segment
        contains too are left out."""
        if self.is_complete:
            return []
        text = whole_lines(path, self.read_bytes)
        self.read_bytes += len(text)
        entries = filter(None, map(self._entry, text.splitlines()))
        added = [entry for entry in entries if entry.seq > read_before.get(entry.boot, -1)]
        for entry in added:
            self.newest[entry.boot] = max(entry.seq, self.newest.get(entry.boot, -1))
        self.entries += added
        return added

    def _entry(self, line: bytes) -> Logged | None:
        try:
            entry = _decode(line)
            if entry.type == "log.header" and entry.v == SCHEMA_VERSION:
                self.boot = msgspec.json.decode(entry.data or "", type=Header).boot
        except NOT_JSON:  # another program wrote this line; `sidecar why` reports such lines
            return None
        return msgspec.structs.replace(entry, boot=self.boot) if entry.v == SCHEMA_VERSION else None


_decode = msgspec.json.Decoder(Logged).decode
