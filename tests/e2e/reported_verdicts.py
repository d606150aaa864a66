"""Compute the verdict about each pair for many moments of a log, and count how often the verdicts were right."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from signaling_sidecar.diagnosis import Entry, Reason, Verdict, evaluate, find_meetings, read_entries
from signaling_sidecar.eventlog.segments import find_segments
from tests.kit.sites import Sidecar

TIMES = int(os.environ.get("SOAK_TIMES", "1"))
"""How often each fault is caused."""
NAMED_WITHIN_S = 60  # seconds; the last verdict usually comes 14 s after an answer, but two cores may run many pages
STEP_S = 0.5  # seconds between two evaluated moments
NO_CAUSE = {Reason.IN_PROGRESS, Reason.UNKNOWN}
"""The reasons that are right as long as a log does not show the cause."""


class Expected(NamedTuple):
    """The expected reasons in the last verdict: `finding` with the browsers' reports, `signaling` without them."""

    finding: Reason
    signaling: Reason = Reason.UNKNOWN
    words: str = ""
    """Text that must be in the sentence or in the notes."""


HEALTHY = Expected(Reason.CONNECTED)


class Made(NamedTuple):
    """A fault that was caused in a room, and the expected diagnosis of all pairs there."""

    name: str
    expected: Expected


def entries_of(sidecar: Sidecar) -> list[Entry]:
    return list(read_entries(find_segments(sidecar.state_dir).segments))


def verdicts_of(entries: Iterable[Entry], rooms: Iterable[str | None], now_ts: float) -> list[Verdict]:
    """The verdicts on the pairs in these rooms. The room None contains the pairs that signal through another server."""
    among = set(rooms)
    return [evaluate(each, now_ts) for each in find_meetings(entries).meetings if each.room in among]


def mistakes(expected: Expected, said: Sequence[Verdict]) -> list[str]:
    """List the wrong verdicts on one pair.

    The last verdict must have the expected reason, and no earlier verdict may name a wrong cause.
    """
    found = {
        f"{verdict.signaling.reason} / {verdict.finding.reason}: {verdict.sentence}": None
        for verdict in said
        if verdict.finding.reason not in NO_CAUSE | {expected.finding}
        or verdict.signaling.reason not in NO_CAUSE | {expected.signaling}
    }
    return [*found, *([] if is_named(expected, said[-1]) else [f"at last {said[-1].sentence}"])]


def is_named(expected: Expected, verdict: Verdict) -> bool:
    named = (verdict.finding.reason, verdict.signaling.reason) == (expected.finding, expected.signaling)
    return named and any(expected.words in text for text in (verdict.sentence, *verdict.notes))


async def all_named(sidecar: Sidecar, expected: Mapping[str | None, Made]) -> float:
    """Wait until the diagnosis of each room is as expected, or until the deadline. Return when it was last checked."""
    until_ts = time.time() + NAMED_WITHIN_S
    while (now_ts := time.time()) < until_ts:
        verdicts = verdicts_of(entries_of(sidecar), expected, now_ts)
        is_there = {verdict.meeting.room for verdict in verdicts} == set(expected)
        if is_there and all(is_named(expected[each.meeting.room].expected, each) for each in verdicts):
            break
        await asyncio.sleep(1)
    return now_ts


class Tally:
    """Counts how often each fault was caused, and how often all verdicts about it were right."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.wrong: dict[str, list[str]] = {}

    def count(self, what: str, wrong: Sequence[str]) -> None:
        self.made[what] += 1
        self.wrong.setdefault(what, []).extend(wrong[:1])

    def judge(self, sidecar: Sidecar, made: Mapping[str | None, Made], since_ts: float, until_ts: float) -> None:
        """Count the right and wrong verdicts from `since_ts` to `until_ts`. `made` maps each room to its fault."""
        entries = entries_of(sidecar)
        said: dict[frozenset[str], list[Verdict]] = {}
        # The last moment is evaluated first, because it shows which two peers are a pair. Early verdicts may name only
        # one peer.
        now_ts = until_ts
        while now_ts > since_ts:
            for verdict in verdicts_of([each for each in entries if each.ts <= now_ts], made, now_ts):
                sessions = frozenset(session.id for session in verdict.meeting.sessions) - {""}
                pair = next((known for known in said if sessions <= known), sessions)
                said.setdefault(pair, []).append(verdict)
            now_ts -= STEP_S
        for verdicts in said.values():
            what = made[verdicts[0].meeting.room]
            self.count(what.name, mistakes(what.expected, verdicts[::-1]))

    def table(self) -> list[str]:
        return [
            f"{what.replace('_', ' ')}: {made - len(self.wrong[what])} of {made} right"
            for what, made in self.made.items()
        ]

    @property
    def all_wrong(self) -> dict[str, list[str]]:
        return {what: wrong for what, wrong in self.wrong.items() if wrong}
