"""The diagnosis of peers whose signals are not in the log.

They met before the log begins, because its beginning was deleted or is not read, or the log has a gap.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.diagnosis import Diagnosis, Reason, diagnose, read_entries
from tests.kit.diagnosis_log import CONNECTED, FAILED, Story
from tests.kit.inspection_log import T0_S, header, record, write_segment

LATER_S = 60.0
STATS = {"event": "stats", "page": "page-ann", "pc": "1", "peerId": "ben", "stats": {"rttMs": 20}}


def seen(folder: Path, *reports: dict[str, Any], host: str | None = None) -> Diagnosis:
    """Diagnose a log that begins while Ann and Ben are in a room, and then has these reports of Ann."""
    there = [{"session": f"s-{peer}", "peer": peer, "name": peer.title(), "connection": 1} for peer in ("ann", "ben")]
    rooms = [{"dialect": "rooms", "room": "bar", "host": host, "sessions": there}]
    lines = [header("b00t"), record(2, 0.0, "log.checkpoint", data={"rooms": rooms})]
    for number, report in enumerate(reports, 3):
        about = {"dialect": "rooms", "room": "bar", "peer": "ann", "session": "s-ann", "kind": "trace"}
        lines.append(record(number, number * 5.0, "trace.state", data={"type": "trace", **report}, **about))
    return diagnose(read_entries([write_segment(folder / "events-b00t-0001.jsonl", lines)]), T0_S + LATER_S)


def test_it_is_not_reported_that_nobody_has_sent_an_offer(tmp_path: Path) -> None:
    [verdict] = seen(tmp_path).verdicts
    assert (verdict.finding.reason, verdict.sentence) == (
        Reason.UNKNOWN,
        "Ann and Ben: they met before this part of the log, which does not show whether they are connected",
    )


def test_a_page_that_sends_statistics_is_connected(tmp_path: Path) -> None:
    [verdict] = seen(tmp_path, STATS, STATS).verdicts
    assert verdict.finding.reason is Reason.CONNECTED


@pytest.mark.parametrize(
    ("before", "sentence"),
    [([STATS], "they were connected, and then lost the connection"), ([], "ICE found no path between them")],
)
def test_a_failure_in_the_log_is_reported(tmp_path: Path, before: list[dict[str, Any]], sentence: str) -> None:
    [verdict] = seen(tmp_path, *before, {**STATS, "event": "state", **FAILED}).verdicts
    assert (verdict.finding.reason, verdict.finding.sentence) == (Reason.ICE_FAILED, sentence)


def test_statistics_that_arrive_late_do_not_restore_a_lost_connection(tmp_path: Path) -> None:
    [verdict] = seen(tmp_path, *({**STATS, "event": "state", **each} for each in (CONNECTED, FAILED)), STATS).verdicts
    assert verdict.finding.reason is Reason.ICE_FAILED


@pytest.mark.parametrize("leaves", [True, False])
def test_two_peers_that_met_before_the_log_begins_may_have_been_connected(tmp_path: Path, *, leaves: bool) -> None:
    """After a reload, they need another offer, which the log would show."""
    there = [{"session": f"s-{peer}", "peer": peer, "name": peer.title(), "connection": 1} for peer in ("ann", "ben")]
    lines = [
        header("b00t"),
        record(2, 0.0, "log.checkpoint", data={"rooms": [{"dialect": "rooms", "room": "bar", "sessions": there}]}),
    ]
    about = {"dialect": "rooms", "room": "bar", "peer": "ann", "session": "s-ann"}
    if leaves:
        lines.append(record(3, 1.0, "peer.left", data={"reason": "left"}, **about))
    else:
        lines.append(record(3, 10.0, "peer.away", data={"ending": "unloaded"}, **about))
        lines.append(record(4, 11.0, "peer.resumed", data={"instance": "ann-2"}, **about))
    entries = list(read_entries([write_segment(tmp_path / "events-b00t-0001.jsonl", lines)]))
    [soon], [later] = (diagnose(entries, T0_S + at_s).verdicts for at_s in (12.0, LATER_S))
    assert soon.finding.reason is Reason.UNKNOWN
    assert later.finding.reason is (Reason.UNKNOWN if leaves else Reason.NOBODY_OFFERED)


def test_two_guests_of_a_host_need_not_connect(tmp_path: Path) -> None:
    [verdict] = seen(tmp_path, host="cem").verdicts
    assert (verdict.finding.reason, verdict.must_connect) == (Reason.NOBODY_OFFERED, False)


def fails_to_write(story: Story) -> Story:
    """Add the records that follow a failure to write the log: a checkpoint, two returns and a `log.gap`."""
    story.restarts("ann", "ben").record("peer.resumed", "ann").record("peer.resumed", "ben")
    return story.record("log.gap", dialect=None, room=None, data={"lost": 7})


@pytest.mark.parametrize("kinds", [[], ["offer"], ["offer", "answer"]])
def test_signals_that_may_be_in_a_gap_of_the_log_are_not_reported_as_missing(story: Story, kinds: list[str]) -> None:
    story.joins("ben", "Ben")
    for peer, kind in zip(("ben", "ann"), kinds, strict=False):
        story.describes(peer, kind)
    finding = fails_to_write(story).waits(60).verdict().finding
    assert (finding.reason, finding.sentence) == (
        Reason.UNKNOWN,
        "the log could not be written for some time, and does not show whether they are connected",
    )
    assert story.evidence()[-1] == "log.gap"


def test_signals_that_are_missing_after_a_gap_of_the_log_are_reported(story: Story) -> None:
    fails_to_write(story.joins("ben", "Ben")).describes("ben", "offer").waits(60)
    assert story.verdict().finding.reason is Reason.OFFER_UNANSWERED


def test_a_failure_after_a_gap_of_the_log_is_reported(story: Story) -> None:
    fails_to_write(story.joins("ben", "Ben").describes("ben", "offer")).reports("ann", peerId="ben", **FAILED)
    story.waits(60)
    assert story.verdict().finding.reason is Reason.ICE_FAILED
