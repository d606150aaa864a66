"""What the newest part of the log shows about all rooms. The work of this module runs in a thread."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from signaling_sidecar.diagnosis import Diagnosis, FoundMeetings, History, State, find_meetings, judge, state_of
from signaling_sidecar.drawing.rooms import NO_SIGN_OF_LIFE
from signaling_sidecar.server.inspector.log_window import Logged, LogWindow

Key = tuple[str, str]
"""The dialect of a room, and its id."""

ELSEWHERE: Key = ("", "")
"""The key of pages that signal through another server, of which only the reports of the browsers are known."""

WORST_FIRST = (State.FAILED, State.TRYING, State.UNKNOWN, State.CONNECTED)


class Pairs(NamedTuple):
    """How many pairs of peers, which are in a room now, are in which state."""

    counts: Mapping[State, int]
    worst: State | None
    sentence: str | None
    """The verdict on the first of the worst pairs."""


NO_PAIRS = Pairs(dict.fromkeys(State, 0), None, None)


class Seen(msgspec.Struct, frozen=True):
    """The newest part of the log, and the verdicts on it."""

    entries: Sequence[Logged]
    found: FoundMeetings
    diagnosis: Diagnosis
    of_room: Mapping[Key, Sequence[Logged]]
    """The records of each room in this run, in their order."""
    histories: Mapping[Key, Sequence[History]]
    pairs: Mapping[Key, Pairs]
    reporting: frozenset[str]
    """The sessions whose browsers report the state of their connections."""
    seq: int
    """The number of the newest record."""
    may_change: bool
    """Whether a verdict may change although nothing is added to the log, because peers have a limited time to act."""


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
            pairs={key: _pairs(each) for key, each in histories.items()},
            reporting=frozenset(
                entry.session for entry in self._entries if entry.type == "trace.state" and entry.session
            ),
            seq=self._entries[-1].seq if self._entries else 0,
            may_change=any(
                is_together(each) and state_of(each.last.finding.reason) is not State.CONNECTED
                for each in diagnosis.histories
            ),
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


def _pairs(histories: Iterable[History]) -> Pairs:
    counts = dict.fromkeys(State, 0)
    sentences: dict[State, str] = {}
    for history in filter(is_together, histories):
        state = state_of(history.last.finding.reason)
        counts[state] += 1
        sentences.setdefault(state, history.last.sentence)
    worst = next((state for state in WORST_FIRST if counts[state]), None)
    return Pairs(counts, worst, None if worst is None else sentences[worst])
