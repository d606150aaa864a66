"""Reads a log while it grows, as the inspector does, and compares what it shows with what all of it shows at once."""

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
    """What they show as time passes, until the next record."""
    shows_at_last: tuple[float, Told]
    """What they show a day later, if there is no other record."""


def read_log(segments: Iterable[Path]) -> list[Logged]:
    return [msgspec.structs.replace(each.record, boot=each.boot) for each in read_records(segments, Logged, LeftOut())]


def assert_same_while_it_grows(log: Sequence[Logged], at_once: int = 1) -> None:
    """Look at a log each time when it has grown by `at_once` records, and when a time to act has passed; then look only
    every second and every third time; and then at each of its beginnings as if nothing followed.

    Who looks often misses nothing that was there only for a moment. Who looks rarely has to notice that something has
    happened although everything is as it was, such as a peer that was away and has returned.
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
    """Return the time of the last record, and those times until the next one at which a time to act has passed."""
    now_ts = max(entry.ts for entry in known)
    ends = {entry.ts + time_s for entry in known for time_s in (SIGNALING_WITHIN_S, TRANSPORT_WITHIN_S)}
    return [now_ts, *sorted(ts for ts in {*ends, until_ts} if now_ts < ts <= until_ts)]


def _told(log: Sequence[Logged], found: FoundMeetings, diagnosis: Diagnosis) -> Told:
    """Return everything that a diagnosis tells its readers."""
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
