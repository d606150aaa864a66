"""What is read from a browser's dump, and what a log shows when a dump is joined to it.

`tests/e2e/test_dump_of_a_browser.py` has recorded the dumps with Chromium.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from signaling_sidecar.inspection import Dump, EventLog, open_dump, open_log
from tests.kit.browser_dumps import (
    BOTH,
    INTERNALS,
    RECORDED,
    RTCSTATS,
    answer,
    candidate,
    offer,
    unpacked,
    write_rtcstats,
)
from tests.kit.diagnosis_log import Story
from tests.kit.inspection_log import BAR, T0_S, TWO_PEERS, header, record, write_segment
from tests.kit.tables import described, reasons


@pytest.fixture
def recorded() -> EventLog:
    return open_log(RECORDED)


# --- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BOTH, ids=["webrtc-internals", "rtcstats"])
def test_each_connection_of_the_browser_is_a_row(path: Path) -> None:
    rows = open_dump(path).connections.set_index("connection")
    assert {row["url"].partition("room=")[2] for row in rows.to_dict("records")} == {"connected", "dtls-failed"}
    healthy = rows[rows["url"].str.endswith("=connected")]
    assert set(healthy["state"]) == {"connected"}
    assert set(healthy["dtls"]) == {"connected"}
    assert set(healthy["local_type"]) | set(healthy["remote_type"]) == {"host"}
    assert set(healthy["ufrags"]) == set(healthy["remote_ufrags"])
    assert set(healthy["policy"]) == {"all"}


def test_an_rtcstats_file_also_has_the_connections_that_were_closed() -> None:
    assert open_dump(INTERNALS).connections["ended"].isna().all()
    assert open_dump(RTCSTATS).connections["ended"].notna().any()


@pytest.mark.parametrize("path", BOTH, ids=["webrtc-internals", "rtcstats"])
@pytest.mark.parametrize("table", ["events", "connections"])
def test_its_tables_have_the_columns_and_dtypes_that_their_descriptions_list(path: Path, table: str) -> None:
    frame = getattr(open_dump(path), table)
    assert len(frame) > 0
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == described(table, Dump)


def test_a_dump_without_connections_has_empty_tables(tmp_path: Path, recorded: EventLog) -> None:
    dump = open_dump(write_rtcstats(tmp_path / "page"))
    for table in ("events", "connections"):
        frame = getattr(dump, table)
        assert len(frame) == 0
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == described(table, Dump)
    assert str(dump) == "page: rtcstats dump, 0 connections, 0 events"
    assert recorded.with_dump(dump).events["data"].equals(recorded.events["data"])


@pytest.mark.parametrize("path", BOTH, ids=["webrtc-internals", "rtcstats"])
def test_a_dump_is_read_compressed_or_not_under_any_name(path: Path, tmp_path: Path) -> None:
    (tmp_path / "dump").write_text(unpacked(path))
    pd.testing.assert_frame_equal(open_dump(tmp_path / "dump").events, open_dump(path).events)


def test_a_dump_describes_its_content_as_text_and_html(tmp_path: Path) -> None:
    dump = open_dump(
        write_rtcstats(tmp_path / "<b>", (0, "create", "\x1b[31m<i>", None), header={"fileFormat": 3, "origin": "<p>"})
    )
    assert str(dump).splitlines() == [
        "<b>: rtcstats dump, 1 connection, 1 event, 2026-11-18 11:06:40 to 2026-11-18 11:06:40 UTC by its own clock",
        "  \\x1b[31m<i> <p>: new, ufrag none with nobody",
    ]
    assert "\\x1b[31m&lt;i&gt; &lt;p&gt;" in dump._repr_html_()
    assert not {"\x1b", "<b>", "<i>", "<p>"} & set(dump._repr_html_())


def test_values_that_rtcstats_js_shortens_are_restored(tmp_path: Path) -> None:
    section = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:ANNu\r\n"
    whole = f"v=0\r\no=- 77 2 IN IP4 127.0.0.1\r\ns=-\r\n{section}"
    later = "v=0\r\no=- 77 3 IN IP4 127.0.0.1\r\ns=-\r\n"
    stats = {
        "0": {"type": 5, "123": "connected", "125": "1"},
        "1": {"type": 6, "148": "2", "149": "3"},
        "2": {"type": 7, "116": "udp", "136": "srflx"},
        "3": {"type": 8, "116": "udp", "136": "relay"},
        "t": T0_S * 1000,
    }
    events = [
        (0.0, 39, None, {"hardwareConcurrency": 2}),
        (0.0, 39, "PC_0", {"iceTransportPolicy": "relay"}),
        (0.1, 3, "PC_0", {"type": "offer", "sdp": whole}),
        (0.2, 6, "PC_0", {"type": "offer", "sdp": "v=\r\nm=\r\n"}),
        (0.3, 23, "PC_0", "have-local-offer"),
        (0.4, 25, "PC_0", "connected"),
        (0.5, "g", "PC_0", stats),
        (0.6, "g", "PC_0", {"0": {"123": "closed"}, "3": None, "t": T0_S * 1000 + 1}),
        (0.7, 6, "PC_0", {"type": "offer", "sdp": f"{later}m=\r\n"}),
        (0.8, 999, "PC_0", None),
    ]
    dump = open_dump(write_rtcstats(tmp_path / "page", *events))
    assert [event.name for event in dump.recorded[2:]] == [
        *("createOfferOnSuccess", "setLocalDescription", "onsignalingstatechange", "onconnectionstatechange"),
        *("getStats", "getStats", "setLocalDescription", "method 999"),
    ]
    assert [event.value["sdp"] for event in dump.recorded if event.name == "setLocalDescription"] == [
        whole,
        later + section,
    ]
    (row,) = dump.connections.to_dict("records")
    assert (row["state"], row["signaling"], row["dtls"], row["policy"]) == (
        *("connected", "have-local-offer", "closed", "relay"),
    )
    assert (row["local_type"], row["remote_type"], row["protocol"]) == ("srflx", "relay", "udp")


# --- joined to a log ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BOTH, ids=["webrtc-internals", "rtcstats"])
def test_a_joined_dump_shows_the_result_that_the_signaling_does_not_contain(path: Path, recorded: EventLog) -> None:
    joined = recorded.with_dump(open_dump(path))
    assert set(reasons(recorded).values()) == {"transport-unknown"}
    assert reasons(joined) == {"connected": "connected", "dtls-failed": "dtls-failed"}
    assert reasons(recorded) != reasons(joined), "the log itself stays as it was"
    assert "✓ connected 1" in str(joined.mesh("connected"))
    assert "✗ failed 1" in str(joined.mesh("dtls-failed"))
    assert joined.pairs["connected"].notna().sum() == 1
    assert str(joined.ladder("connected")) == str(recorded.ladder("connected"))


def test_both_dumps_of_one_browser_agree(recorded: EventLog) -> None:
    both = recorded.with_dump(open_dump(INTERNALS)).with_dump(open_dump(RTCSTATS))
    assert reasons(both) == {"connected": "connected", "dtls-failed": "dtls-failed"}
    assert list(both.clocks["dump"]) == [str(INTERNALS), str(RTCSTATS)]
    ids = {json.loads(data)["pc"] for data in both.events.loc[both.events["kind"] == "dump", "data"]}
    assert len(ids) == len(open_dump(RTCSTATS).connections)


def test_joined_reports_are_in_order_among_the_events_and_marked_as_dump(recorded: EventLog) -> None:
    dump = open_dump(RTCSTATS)
    joined = recorded.with_dump(dump)
    added = joined.events[joined.events["kind"] == "dump"]
    assert {str(dtype) for dtype in joined.events.dtypes} == {str(dtype) for dtype in recorded.events.dtypes}
    assert {name: str(dtype) for name, dtype in joined.events.dtypes.items()} == described("events")
    assert set(added["type"]) == {"trace.state"}
    assert set(added["boot"]) == set(recorded.events["boot"])
    assert set(added["seq"]) <= set(dump.events["event"])
    assert joined.events["time"].is_monotonic_increasing
    own = joined.events[joined.events["kind"] != "dump"].reset_index(drop=True)
    assert list(own["seq"]) == list(recorded.events["seq"])


def test_the_text_of_a_log_names_its_joined_dumps(recorded: EventLog) -> None:
    joined = recorded.with_dump(open_dump(INTERNALS))
    assert f"{len(recorded.events)} records, " in repr(joined)
    assert "with webrtc_internals_dump.gz (4 connections, clock " in repr(joined)
    assert " ± " in joined._repr_html_()
    assert " ± " not in repr(recorded)


def test_a_connection_without_signals_in_the_log_used_another_server(tmp_path: Path) -> None:
    log = open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS)).with_dump(open_dump(INTERNALS))
    elsewhere = log.pairs[log.pairs["room"].isna()]
    assert set(elsewhere["reason"]) == {"connected", "dtls-failed"}
    assert "signaled through another server\n  ✓ page 1" in str(log.diagnose())
    assert "clock not aligned, because the log contains none of its messages" in repr(log)


def test_a_dump_can_be_joined_to_a_log_without_records(tmp_path: Path) -> None:
    log = open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", [])).with_dump(open_dump(INTERNALS))
    assert set(log.pairs["reason"]) == {"connected", "dtls-failed"}


def test_the_reports_of_a_page_and_its_dump_are_one_connection(tmp_path: Path) -> None:
    story = Story(tmp_path).negotiates().reports("ben", localUfrag="BENu", connection="connecting", peerId="ann")
    dump = write_rtcstats(
        tmp_path / "page",
        (2.0, "create", "PC_0", None),
        (2.1, "setLocalDescription", "PC_0", offer("BENu")),
        (9.0, "onconnectionstatechange", "PC_0", "connected"),
    )
    joined = open_log(story.write()).with_dump(open_dump(dump))
    assert reasons(joined) == {"bar": "connected"}
    assert [link.state for link in joined.mesh("bar").links.links] == ["connected"]
    [verdict] = joined.diagnose().verdicts
    assert [len(connections) for connections in verdict.meeting.connections] == [0, 1]


def test_a_dump_that_is_longer_than_a_run_of_the_sidecar_does_not_change_when_the_run_has_ended(tmp_path: Path) -> None:
    """The sidecar is killed before Ann can answer, and Ben's browser writes its dump until the next run has begun."""
    Story(tmp_path, boot="a111").joins("ben", "Ben").describes("ben", "offer").write()
    dump = open_dump(
        write_rtcstats(
            tmp_path / "page",
            (1.4, "create", "PC_0", None),
            (1.4, "setLocalDescription", "PC_0", offer("BENu")),
            (50.0, "onconnectionstatechange", "PC_0", "connecting"),
            (90.0, "onconnectionstatechange", "PC_0", "failed"),
        )
    )
    first = open_log(tmp_path / "*.jsonl")
    [sentence] = first.pairs["sentence"]
    assert sentence.endswith("the log ends before the result")
    assert list(first.with_dump(dump).pairs["sentence"]) == [sentence]
    assert repr(first.with_dump(dump)).startswith(repr(first)[:-1])
    members = [{"session": f"s-{peer}-1", "peer": peer} for peer in ("ann", "ben")]
    lines = [
        header("b222", at=60),
        record(2, 60, "log.checkpoint", data={"rooms": [{**BAR, "sessions": members}]}),
        record(3, 60, "server.restored", data={"boot": "a111"}),
        record(4, 61, "peer.resumed", **BAR, peer="ann", session="s-ann-1", connection=1, data={}),
    ]
    write_segment(tmp_path / "events-b222-0001.jsonl", lines)
    log = open_log(tmp_path / "*.jsonl")
    joined = log.with_dump(dump)
    assert list(log.sessions["away_s"]) == list(joined.sessions["away_s"]) == [59.5, 59.5]
    assert str(log.timeline("bar")) == str(joined.timeline("bar"))
    assert log.mesh("bar").title == joined.mesh("bar").title


def failing(tmp_path: Path, *events: tuple[float, str, Any], **created: Any) -> str:
    """Return the reason in the verdict on a pair with complete signaling, if Ben's browser has dumped these events."""
    story = Story(tmp_path).joins("ben", "Ben").names("ben", "10.0.0.2").describes("ben", "offer")
    story.describes("ann", "answer").names("ann", "10.0.0.1").waits(60).leaves("ben")
    dump = write_rtcstats(
        tmp_path / "page",
        (1.0, "create", "PC_0", created or None),
        (1.1, "setLocalDescription", "PC_0", offer("BENu")),
        (1.2, "onicecandidate", "PC_0", candidate("BENu", "10.0.0.2")),
        *((at_s, name, "PC_0", value) for at_s, name, value in events),
    )
    return reasons(open_log(story.write()).with_dump(open_dump(dump)))["bar"]


def test_a_dump_shows_the_reasons_that_only_a_browser_knows(tmp_path: Path) -> None:
    lost = [(20.0, "onconnectionstatechange", "failed")]
    assert failing(tmp_path) == "ice-failed"
    assert failing(tmp_path, *lost, iceTransportPolicy="relay") == "relay-only"
    assert failing(tmp_path, (3.0, "oniceconnectionstatechange", "connected"), *lost) == "dtls-failed"
    for name, value in (
        ("addIceCandidateFailed", "The remote description was null"),
        ("addIceCandidateFailed", candidate("ANNu", "10.0.0.1")),
        ("addIceCandidateOnFailure", "InvalidStateError: Failed to execute 'addIceCandidate'"),
    ):
        assert failing(tmp_path, (3.0, name, value), *lost) == "candidates-before-description"
    assert failing(tmp_path, (3.0, "addIceCandidateFailed", "Error processing ICE candidate"), *lost) == "ice-failed"
    remote = (2.9, "setRemoteDescription", answer("ANNu"))
    refused, added = (
        (3.0, name, candidate("ANNu", "10.0.0.1")) for name in ("addIceCandidateFailed", "addIceCandidate")
    )
    assert failing(tmp_path, remote, refused, added, *lost) == "ice-failed"


@pytest.mark.parametrize("path", BOTH, ids=["internals", "rtcstats"])
def test_a_dump_that_is_joined_twice_changes_nothing(path: Path, recorded: EventLog) -> None:
    once = recorded.with_dump(open_dump(path))
    twice = once.with_dump(open_dump(path))
    assert len(twice.events) == len(once.events)
    assert (repr(twice), len(twice.clocks)) == (repr(once), 1)


def test_the_reports_that_a_later_dump_of_the_same_page_repeats_are_added_once(tmp_path: Path) -> None:
    events = [
        (2.0, "create", "PC_0", None),
        (2.1, "setLocalDescription", "PC_0", offer("BENu")),
        (9.0, "onconnectionstatechange", "PC_0", "connected"),
    ]
    earlier, later = (
        open_dump(write_rtcstats(tmp_path / f"after-{count}-events", *events[:count])) for count in (2, 3)
    )
    log = open_log(Story(tmp_path).negotiates().write())
    both = log.with_dump(earlier).with_dump(later)
    added = both.events[both.events["kind"] == "dump"]
    assert list(added["seq"]) == [1, 2, 3]
    assert not added["data"].duplicated().any()
    assert reasons(both) == {"bar": "connected"}
