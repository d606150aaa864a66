"""Collects what the newest part of the log shows about all rooms."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import msgspec

from signaling_sidecar.analysis.log_window import Logged, LogWindow
from signaling_sidecar.analysis.messages import Key
from signaling_sidecar.diagnosis import (
    NO_SIGN_OF_LIFE,
    Diagnosis,
    FoundMeetings,
    History,
    KeptVerdicts,
    MeetingFinder,
    judge,
)
from signaling_sidecar.drawing import cluster_event
from signaling_sidecar.errors import SidecarError

ELSEWHERE: Key = ("", "")
"""The key in `Seen.histories` for pages that signal through another server, of which only browser reports are known."""


class Seen(msgspec.Struct, frozen=True):
    """The newest part of the log, and the verdicts on it. The next call of `Looker.look` adds to the collections in
    this object."""

    entries: Sequence[Logged]
    found: FoundMeetings
    diagnosis: Diagnosis
    of_room: Mapping[Key, Sequence[Logged]]
    """The records of each room in this run, in their order. Every room also has the records about the sidecars of a
    cluster."""
    checkpoint_of: Mapping[Key, Logged]
    """The last checkpoint before the first record of each room."""
    first_checkpoint: Logged | None
    """The first checkpoint of this run."""
    histories: Mapping[Key, Sequence[History]]
    reporting: Set[str]
    """The sessions whose browsers report the state of their connections."""
    boot: str
    """The boot id in the records of this run."""
    seq: int
    """The number of the newest record."""
    changes_ts: float | None
    """The next time at which a verdict may change without a new record, because a peer has not acted in time. None if
    no verdict can change in this way."""


class Looker:
    """Looks at the log repeatedly, and reads only the new records each time. Must not be used by two threads at the
    same time."""

    def __init__(self, folder: Path, boot: str) -> None:
        self._folder, self._boot = folder, boot
        self._forget()

    def look(self) -> Seen:
        """Read the new records of the log, and return its present state. Raises NoLog and OSError."""
        try:
            grown = self._window.grow()
        except (SidecarError, OSError):
            self._forget()  # after an error, the window may lack some of the new records
            raise
        if grown.is_cut:
            self._read = Read(self._window.boot)
        self._read.add(grown.entries)
        return self._read.seen(time.time())

    def _forget(self) -> None:
        self._window, self._read = LogWindow(self._folder, self._boot), Read(self._boot)


class Read:
    """The records in the window, and what they show. When the window forgets its first records, a new `Read` replaces
    this one."""

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._entries: list[Logged] = []
        self._meetings = MeetingFinder()
        self._verdicts = KeptVerdicts()
        self._reporting: set[str] = set()
        self._of_key: dict[Key, list[Logged]] = defaultdict(list)
        self._of_room: dict[Key, list[Logged]] = {}
        """The lists of `_of_key`, but only of rooms with a record which proves that the room existed (see
        `NO_SIGN_OF_LIFE`)."""
        self._checkpoint_of: dict[Key, Logged] = {}
        self._first_checkpoint: Logged | None = None
        self._checkpoint: Logged | None = None
        self._seen: Seen | None = None

    def add(self, entries: Sequence[Logged]) -> None:
        if entries:
            self._seen = None
        self._entries += entries
        for entry in entries:
            self._meetings.take(entry)
            if entry.type == "trace.state" and entry.session:
                self._reporting.add(entry.session)
            if entry.boot != self._boot:
                continue
            if entry.type == "log.checkpoint":
                self._checkpoint = entry
                self._first_checkpoint = self._first_checkpoint or entry
            elif entry.dialect is not None and entry.room is not None:
                self._add_of_room((entry.dialect, entry.room), entry)
            elif cluster_event(entry) is not None:
                for records in self._of_room.values():
                    if records[-1].type != "room.ended":
                        records.append(entry)

    def _add_of_room(self, key: Key, entry: Logged) -> None:
        if key not in self._of_key and self._checkpoint is not None:
            self._checkpoint_of[key] = self._checkpoint
        self._of_key[key].append(entry)
        if entry.type not in NO_SIGN_OF_LIFE:
            self._of_room[key] = self._of_key[key]

    def seen(self, now_ts: float) -> Seen:
        """Return the state of the log at `now_ts`, which must not be earlier than the `now_ts` of the last call. If no
        record was added since the last call, and no verdict can have changed, the last result is returned again."""
        if self._seen is None or now_ts >= (self._seen.changes_ts or math.inf):
            self._seen = self._look(now_ts)
        return self._seen

    def _look(self, now_ts: float) -> Seen:
        found = self._meetings.found()
        diagnosis = judge(found, now_ts, evaluate=self._verdicts.evaluate)
        return Seen(
            entries=self._entries,
            found=found,
            diagnosis=diagnosis,
            of_room=self._of_room,
            checkpoint_of=self._checkpoint_of,
            first_checkpoint=self._first_checkpoint,
            histories=_histories(diagnosis),
            reporting=self._reporting,
            boot=self._boot,
            seq=self._entries[-1].seq if self._entries else 0,
            changes_ts=None if diagnosis.changes_ts == math.inf else diagnosis.changes_ts,
        )


def is_together(history: History) -> bool:
    """Whether the two peers are still in the room."""
    return history.last.meeting.parted() is None


def _histories(diagnosis: Diagnosis) -> dict[Key, list[History]]:
    found: dict[Key, list[History]] = defaultdict(list)
    for history in diagnosis.histories:
        meeting = history.last.meeting
        found[meeting.dialect or "", meeting.room or ""].append(history)
    return dict(found)
