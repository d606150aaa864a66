"""`sidecar why --watch`: prints verdicts whenever they change."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import msgspec

from signaling_sidecar.cli import log_entries, state_options
from signaling_sidecar.cli.reader import pause
from signaling_sidecar.cli.remote_sidecar import GrowingCopy
from signaling_sidecar.cli.sidecar_clock import SidecarClock
from signaling_sidecar.diagnosis import (
    Diagnosis,
    FoundMeetings,
    History,
    find_meetings,
    judge,
    lines_of,
    verdict_object,
)
from signaling_sidecar.errors import NoLog
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.untrusted_text import visible

POLL_S = 0.2  # seconds between two reads of the log, at least; short enough for a person who is watching
REST = 2.0  # the pause after a read, as a multiple of its duration, so that reads of a large log use a third of a CPU


def as_json(history: History) -> str:
    """Return the verdict as one line of JSON, in ASCII, so that it is safe for a terminal."""
    return json.dumps(msgspec.to_builtins(verdict_object(history)))


def watch(arguments: argparse.Namespace) -> NoReturn:
    """Print every verdict, and print it again whenever it changes.

    A verdict can change when a record is written, or merely because time passes.

    The sidecar that writes the log may be started after this command. If the sidecar is on another machine, each new
    record of its log is copied to this machine. Raises NotAnswered.
    """
    if arguments.url is None:
        _watch(arguments, _GrowingLog(arguments))
    # Errors when the folder is deleted are ignored, because Windows cannot delete a copy that is still open.
    with TemporaryDirectory(prefix="signaling-", ignore_cleanup_errors=True) as folder:
        copy = GrowingCopy(arguments.url, Path(folder) / "events.jsonl")
        of_copy = {"log": copy.path, "url": None, "all": True}
        _watch(arguments, _GrowingLog(argparse.Namespace(**{**vars(arguments), **of_copy}), copy))


def _watch(arguments: argparse.Namespace, log: _GrowingLog) -> NoReturn:
    shown = _Shown()
    was_live = True
    while True:
        began_s = time.monotonic()
        found = log.read()
        if found is not None:
            if was_live and not log.is_live:
                log_entries.report_last_run(arguments, found.last_ts)
            was_live = log.is_live
            now_ts = log.clock.now_ts() if log.is_live else found.last_ts
            diagnosis = judge(found, now_ts, arguments.room, arguments.dialect)
            for text in shown.news(diagnosis, now_ts, as_json_lines=arguments.json):
                print(text, flush=True)
        pause(max(POLL_S, REST * (time.monotonic() - began_s)))


class _GrowingLog:
    """Finds the meetings in a log, and finds them again only when the files of the log have changed.

    `copy` is the local copy of the log if its sidecar is on another machine.
    """

    def __init__(self, arguments: argparse.Namespace, copy: GrowingCopy | None = None) -> None:
        self._copy = copy
        self.clock = SidecarClock() if copy is None else copy.clock
        self._folder: Path = arguments.log or state_options.state_dir_of(arguments)
        # The state folder is searched for only once, because each search prints how the folder was found.
        self._arguments = argparse.Namespace(**{**vars(arguments), "state_dir": self._folder, "project": None})
        self._files: list[tuple[str, int]] = []
        self._found: FoundMeetings | None = None
        self.is_live = False

    def read(self) -> FoundMeetings | None:
        """Return the meetings in the log so far, or None if there is no log yet. Raises NotAnswered."""
        # This is read before the log: if a problem has ended the copy by now, the log below contains all its records.
        problem = None if self._copy is None else self._copy.problem
        try:
            files = [(path.name, os.stat(path).st_size) for path in find_segments(self._folder).segments]
            log = log_entries.read(self._arguments)
            self.is_live = log.is_live or self._copy is not None
            is_changed = files != self._files
            if is_changed:
                self._found = find_meetings(log.entries)
                self._files = files
        except (NoLog, FileNotFoundError):  # no log yet, or a file was deleted after the files were listed
            is_changed = False
        if problem is not None and not is_changed:
            raise problem
        return self._found


class _Shown:
    """Remembers which verdicts were printed, so that each is printed again only when it changes."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, ...], tuple[str, str]] = {}
        self._rejections: Counter[tuple[str, str | None]] = Counter()

    def news(self, diagnosis: Diagnosis, now_ts: float, *, as_json_lines: bool) -> Iterator[str]:
        at = f"{datetime.fromtimestamp(now_ts, UTC):%H:%M:%SZ}"
        for history in diagnosis.histories:
            verdict = history.last
            sessions = tuple(session.id for session in verdict.meeting.sessions)
            said = (verdict.finding.reason, verdict.sentence)
            if self._verdicts.get(sessions) != said:
                self._verdicts[sessions] = said
                yield as_json(history) if as_json_lines else _text(history, at)
        if not as_json_lines:
            refused = Counter((each.sentence, each.next_step) for each in diagnosis.rejections)
            for sentence, step in refused - self._rejections:
                yield f"{at} ✗ {visible(sentence)}" + (f"\n      → {step}" if step else "")
            self._rejections = refused


def _text(history: History, at: str) -> str:
    meeting = history.last.meeting
    where = visible(f"{meeting.room} ({meeting.dialect})") if meeting.room is not None else "another server"
    sentence, *more = lines_of(history)
    return "\n".join([f"{at} {where} {sentence.strip()}", *more])
