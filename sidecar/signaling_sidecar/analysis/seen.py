"""What the newest part of the log shows about all rooms."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from signaling_sidecar.analysis.log_window import Logged, LogWindow
from signaling_sidecar.analysis.messages import Key
from signaling_sidecar.diagnosis import Diagnosis, FoundMeetings, History, find_meetings, judge
from signaling_sidecar.drawing.rooms import NO_SIGN_OF_LIFE

ELSEWHERE: Key = ("", "")
"""The key of pages that signal through another server, of which only the reports of the browsers are known."""


class Seen(msgspec.Struct, frozen=True):
    """The newest part of the log, and the verdicts on it."""

    entries: Sequence[Logged]
    found: FoundMeetings
    diagnosis: Diagnosis
    of_room: Mapping[Key, Sequence[Logged]]
    """The records of each room in this run, in their order."""
    histories: Mapping[Key, Sequence[History]]
    reporting: frozenset[str]
    """The sessions whose browsers report the state of their connections."""
    seq: int
    """The number of the newest record."""
    changes_ts: float | None
    """The time at which a verdict may change although nothing is added to the log, because peers have a limited time to
    act. None if no verdict can."""


class Looker:
    """Looks at the log again and again. Must not be used by two threads at the same time."""

    def __init__(self, folder: Path, boot: str) -> None:
        self._window = LogWindow(folder)
        self._boot = boot
        self._entries: Sequence[Logged] = ()
        self._found: FoundMeetings | None = None
        self._of_room: Mapping[Key, Sequence[Logged]] = {}

    def look(self) -> Seen:
        """Raises NoLog and OSError."""
        if self._window.grow() or self._found is None:
            self._entries = self._window.entries()
            self._found = find_meetings(self._entries)
            self._of_room = _by_room(entry for entry in self._entries if entry.boot == self._boot)
        diagnosis = judge(self._found, time.time())
        histories = _histories(diagnosis)
        return Seen(
            entries=self._entries,
            found=self._found,
            diagnosis=diagnosis,
            of_room=self._of_room,
            histories=histories,
            reporting=frozenset(
                entry.session for entry in self._entries if entry.type == "trace.state" and entry.session
            ),
            seq=self._entries[-1].seq if self._entries else 0,
            changes_ts=time.time() + 1.0,
        )


def is_together(history: History) -> bool:
    """Whether the two peers are still in the room."""
    return history.last.meeting.parted() is None


def _by_room(entries: Iterable[Logged]) -> dict[Key, list[Logged]]:
    found: dict[Key, list[Logged]] = defaultdict(list)
    alive: set[Key] = set()
    for entry in entries:
        if entry.dialect is not None and entry.room is not None:
            key = entry.dialect, entry.room
            found[key].append(entry)
            if entry.type not in NO_SIGN_OF_LIFE:
                alive.add(key)
    return {key: each for key, each in found.items() if key in alive}


def _histories(diagnosis: Diagnosis) -> dict[Key, list[History]]:
    found: dict[Key, list[History]] = defaultdict(list)
    for history in diagnosis.histories:
        meeting = history.last.meeting
        found[meeting.dialect or "", meeting.room or ""].append(history)
    return dict(found)
