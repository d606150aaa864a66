"""The tables of pairs and of candidates, and the diagnosis in a notebook."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from signaling_sidecar.inspection import open_log
from tests.kit.diagnosis_log import Story, candidate
from tests.kit.inspection_log import T0_S, record


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def after(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(T0_S + seconds, unit="s", tz="UTC")


def test_a_pair_is_a_row_with_the_actions_of_both_peers(story: Story) -> None:
    story.negotiates("10.0.0.1", "203.0.113.7").names("ben", "10.0.0.2").reports(
        "ann", peerId="ben", connection="connected", localUfrag="ANNu"
    )
    (row,) = open_log(story.write()).pairs.to_dict("records")
    assert (row["peer"], row["other"], row["name"], row["other_name"]) == ("ann", "ben", "Ann", "Ben")
    assert (row["offered"], row["offers"], row["offers_back"], row["answers"]) == ("ben", 0, 1, 1)
    assert (row["candidates"], row["candidates_back"], row["types"], row["types_back"]) == (1, 2, "host", "host")
    times = [row[name] for name in ("met", "offer", "answer", "candidate", "connected")]
    assert times == [after(1.0), after(1.5), after(2.0), after(2.5), after(4.0)]
    assert (row["signaling"], row["reason"], row["sentence"]) == (
        "transport-unknown",
        "connected",
        "Ann and Ben: connected",
    )


def test_a_connection_has_a_time_even_if_the_browser_does_not_report_its_ufrag(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", page=None, connection="connected")
    (row,) = open_log(story.write()).pairs.to_dict("records")
    assert (row["reason"], row["connected"]) == ("connected", after(3.5))


def test_the_times_of_a_pair_are_those_of_its_records(story: Story) -> None:
    # As floats in Python, the times of most of these records are slightly less than a whole number of microseconds.
    story.at_s = 0.000_001
    story.joins("ben").waits(0.1).describes("ben", "offer").waits(0.17).describes("ann", "answer")
    log = open_log(story.write())
    (row,) = log.pairs.to_dict("records")
    assert [row["met"], row["offer"], row["answer"]] == log.events["time"].tolist()[-3:]


def test_the_ids_and_the_reasons_of_a_pair_can_be_compared(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", connection="connected")
    pairs = open_log(story.write()).pairs
    assert (pairs["signaling"] != pairs["reason"]).tolist() == [True]
    assert (pairs["offered"] == pairs["peer"]).tolist() == [False]
    assert (pairs["offered"] == pairs["other"]).tolist() == [True]
    assert (pairs["session"] == pairs["other_session"]).tolist() == [False]


def test_without_candidates_their_kinds_are_missing(story: Story) -> None:
    (row,) = open_log(story.joins("ben").names("ben", "10.0.0.1").write()).pairs.to_dict("records")
    assert pd.isna(row["types"])
    assert row["types_back"] == "host"


def test_the_ladder_of_a_pair_shows_the_run_in_which_it_has_tried_last(tmp_path: Path) -> None:
    story = Story(tmp_path).joins("ben", "Ben").describes("ben", "offer", ufrag="first")
    story.write()
    again = Story(tmp_path, boot="d00d", at_s=60.0)
    again.joins("ben", "Ben").describes("ben", "offer", ufrag="other").names("ben", "10.0.0.2", ufrag="other")
    again.waits(60).record("room.updated").write()
    log = open_log(tmp_path)
    (_, pair) = next(log.pairs.iterrows())
    assert (pair["boot"], pair["candidates"] + pair["candidates_back"]) == ("b00t", 1)
    assert "boot d00d" in str(log.ladder(pair))
    assert "candidate" in str(log.ladder(pair))
    (_, room) = next(log.rooms.iterrows())
    assert "boot b00t" in str(log.ladder(room))


def test_a_row_without_the_needed_columns_is_refused_with_their_names(story: Story) -> None:
    log = open_log(story.joins("ben").describes("ben", "offer").write())
    room, pair, signal = log.rooms.iloc[0], log.pairs.iloc[0], log.signals.iloc[0]
    with pytest.raises(TypeError, match="not a row without `dialect` and `boot`"):
        log.ladder(pair[["room", "reason"]])
    with pytest.raises(TypeError, match="not a row without `room`"):
        log.timeline(room.drop("room"))
    with pytest.raises(TypeError, match="a whole row of `pairs`, not a row without `offer`"):
        log.ladder(pair.drop("offer"))
    with pytest.raises(TypeError, match="not a row without `boot`"):
        log.sdp_diff(signal.drop("boot"), signal)


def test_every_view_of_a_room_takes_a_row_of_a_table_and_refuses_what_names_no_room(story: Story) -> None:
    log = open_log(story.joins("ben").describes("ben", "offer").write())
    views: list[Callable[[Any], object]] = [log.ladder, log.timeline, log.mesh, log.mesh_slider, log.diagnose]
    for view in views:
        for table in (log.rooms, log.pairs, log.sessions):
            assert view(table.iloc[0]) is not None
        for wrong in (7, log.rooms, log.rooms.iloc[0].drop("room")):
            with pytest.raises(TypeError, match="a room id, or a row of `rooms` or `pairs`, not"):
                view(wrong)
    row = log.rooms.iloc[0]
    assert str(log.timeline(row)) == str(log.timeline("bar"))
    assert str(log.mesh(row, 1)) == str(log.mesh("bar", 1))
    assert str(log.diagnose(row)) == str(log.diagnose("bar"))


def test_missing_events_have_no_time(story: Story) -> None:
    story.joins("ben").describes("ben", "offer")
    (row,) = open_log(story.write()).pairs.to_dict("records")
    assert [pd.isna(row[name]) for name in ("offer", "answer", "candidate", "connected")] == [False, True, True, True]


def test_every_candidate_is_a_row_alone_or_in_a_description(story: Story) -> None:
    story.joins("ben").describes("ben", "offer", candidate("10.0.0.2"), candidate("203.0.113.7", "srflx"))
    story.names("ann", "a.local")
    candidates = open_log(story.write()).candidates
    columns = ["peer", "type", "protocol", "address_class", "address", "port", "ufrag", "in_description"]
    assert candidates[columns].to_numpy().tolist() == [
        ["ben", "host", "udp", "private", "10.0.0.2", 50000, "BENu", True],
        ["ben", "srflx", "udp", "reserved", "203.0.113.7", 50000, "BENu", True],
        ["ann", "host", "udp", "mdns", "a.local", 50000, "ANNu", False],
    ]


def test_records_of_several_runs_are_named_with_their_run(story: Story, tmp_path: Path) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").waits(60).record("room.updated").write()
    assert "records: 4 offer" in str(open_log(tmp_path).diagnose())
    again = Story(tmp_path, boot="d00d", at_s=90.0).joins("cleo").describes("cleo", "offer", ufrag="c").waits(60)
    again.record("room.updated").write()
    lines = str(open_log(tmp_path).diagnose()).splitlines()
    assert next(line.partition("records: ")[2] for line in lines if "records" in line) == "4 of b00t offer"


def test_a_diagnosis_is_text_and_html(story: Story) -> None:
    story.joins("ben", "<b>Ben").describes("ben", "offer").waits(60).leaves("ben")
    diagnosis = open_log(story.write()).diagnose()
    assert str(diagnosis).splitlines()[:2] == [
        "bar (rooms)",
        "  ✗ Ann and <b>Ben: Ann has not answered the offer of <b>Ben; <b>Ben left later",
    ]
    assert "&lt;b&gt;Ben" in diagnosis._repr_html_()
    assert str(open_log(story.write()).diagnose("club")) == "no two peers have met in the room club"


def test_a_refused_join_is_in_the_diagnosis(story: Story) -> None:
    data = {"code": "room-full", "message": "room 'bar' is full: 1 peers", "count": 1}
    story.add(record(9, 5.0, "signal.refused", dialect="rooms", room="bar", peer="cleo", kind="join", data=data))
    diagnosis = str(open_log(story.write()).diagnose())
    assert diagnosis.splitlines() == [
        "✗ cleo was not admitted to bar: room-full (room 'bar' is full: 1 peers)",
        "    → raise the room's capacity, if the protocol allows it, or close a tab that is still in it",
    ]


@pytest.mark.parametrize("is_enabled", [True, False])
def test_a_diagnosis_leaves_the_garbage_collector_as_it_was(story: Story, *, is_enabled: bool) -> None:
    log = open_log(story.negotiates().write())
    (gc.enable if is_enabled else gc.disable)()
    try:
        assert len(log.pairs) == 1
        assert gc.isenabled() is is_enabled
    finally:
        gc.enable()
