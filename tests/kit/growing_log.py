"""Reads a log in steps, as the inspector reads a growing log, and compares the diagnosis with that of a single read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from signaling_sidecar.analysis.log_window import Logged
from signaling_sidecar.analysis.seen import Read
from signaling_sidecar.diagnosis import Diagnosis, FoundMeetings, Verdict, find_meetings, judge, why
from signaling_sidecar.diagnosis.reasons import SIGNALING_WITHIN_S, TRANSPORT_WITHIN_S
from signaling_sidecar.eventlog.records import LeftOut, read_records

A_DAY_S = 86_400.0
RARELY = 3

Told = Sequence[object]


class Beginning(NamedTuple):
    """The first records of a log."""

    records: int
    shows: Sequence[tuple[float, Told]]
    """The diagnosis of these records: at the time of the last one, and at each deadline before the next record."""
    shows_at_last: tuple[float, Told]
    """The diagnosis one day after the last of these records, if no other record follows."""


def read_log(segments: Iterable[Path]) -> list[Logged]:
    return [msgspec.structs.replace(each.record, boot=each.boot) for each in read_records(segments, Logged, LeftOut())]


def assert_same_while_it_grows(log: Sequence[Logged], at_once: int = 1) -> None:
    """Assert that reading a log in steps gives the same diagnosis as reading it at once.

    In the first run, each step is `at_once` records. In further runs, the steps are two and three times as long: a
    reader that looks rarely must also notice a change that is already over, such as a short absence of a peer. Finally,
    for each step, all records up to its end are read as if the log ended there.
    """
    beginnings = list(_beginnings(log, at_once))
    for every in range(1, RARELY + 1):
        for first in range(every):
            _assert_same(log, beginnings[first::every])
    for each in beginnings:
        _assert_same(log, [each._replace(shows=[each.shows[0], each.shows_at_last])])


def _assert_same(log: Sequence[Logged], beginnings: Iterable[Beginning]) -> None:
    read, before = Read(""), 0
    for beginning in beginnings:
        read.add(log[before : beginning.records])
        before = beginning.records
        for now_ts, told in beginning.shows:
            seen, where = read.seen(now_ts), f"{before} records at {now_ts}"
            assert (where, *_told(log, seen.found, seen.diagnosis)) == (where, *told)


def _beginnings(log: Sequence[Logged], at_once: int) -> Iterator[Beginning]:
    for records in (*range(at_once, len(log), at_once), len(log)):
        known, later = log[:records], log[records:]
        found, last_ts = find_meetings(known), known[-1].ts + A_DAY_S
        *shows, at_last = [
            (now_ts, _told(log, found, judge(found, now_ts)))
            for now_ts in (*_times(known, later[0].ts if later else last_ts), last_ts)
        ]
        yield Beginning(records, shows, at_last)


def _times(known: Sequence[Logged], until_ts: float) -> list[float]:
    """Return the time of the last known record, and the times until `until_ts` at which a deadline passes."""
    now_ts = max(entry.ts for entry in known)
    ends = {entry.ts + time_s for entry in known for time_s in (SIGNALING_WITHIN_S, TRANSPORT_WITHIN_S)}
    return [now_ts, *sorted(ts for ts in {*ends, until_ts} if now_ts < ts <= until_ts)]


def _told(log: Sequence[Logged], found: FoundMeetings, diagnosis: Diagnosis) -> Told:
    """Return everything in a diagnosis that is shown to users."""
    peers = {(entry.dialect or "", entry.room or "", entry.peer or "") for entry in log}
    labels = {
        (dialect, room, peer): found.labels[dialect, room].beside_id(peer)
        for dialect, room, peer in peers
        if (dialect, room) in found.labels
    }
    return why(diagnosis), str(diagnosis), [*map(_details, diagnosis.verdicts)], labels, found.hosts, found.last_ts


def _details(verdict: Verdict) -> Sequence[object]:
    connections = [[each.id for each in side] for side in verdict.meeting.connections]
    return verdict.meeting.met.seq, verdict.finding, verdict.signaling, verdict.notes, connections
