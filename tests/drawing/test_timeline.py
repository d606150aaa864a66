"""The timeline: a drawing that shows when each peer was in a room."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from signaling_sidecar.drawing.presence import Presence
from signaling_sidecar.drawing.timeline.attendance import Change
from signaling_sidecar.inspection import EventLog, open_log
from tests.kit.checkout import RECORDED
from tests.kit.inspection_log import ANN, BAR, BEN, IN_A_CLUSTER, T0_S, TWO_PEERS, header, record, write_segment

KILLED_AND_RESTORED = [
    *TWO_PEERS[:9],
    header("cafe", at=20),
    record(2, 20.0, "server.restored", data={"boot": "b00t", "records": 9, "rooms": 1, "sessions": 2}),
    record(3, 20.0, "server.reloaded"),
    record(4, 21.0, "peer.resumed", **ANN, connection=1, data={"instance": "p1"}),
    record(5, 30.0, "peer.left", **BEN, data={"reason": "lost"}),
    record(6, 40.0, "log.gap", data={"lost": 1}),
]


def log_of(tmp_path: Path, *lines: str) -> EventLog:
    return open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", lines))


def spans_of(log: EventLog, peer: str, **chosen: Any) -> list[tuple[str, float, float]]:
    """Return the spans in which a peer was here or away, with their start and end in seconds since the log's start."""
    (row,) = [row for row in log.timeline("bar", **chosen).attendance.rows if row.peer == peer]
    return [(str(span.presence), round(span.since_ts - T0_S, 3), round(span.until_ts - T0_S, 3)) for span in row.spans]


TWO_PEERS_DRAWN = """\
Room bar · rooms · boot b00t · from 2026-11-18 11:06:41.000 UTC

      +0 s                                                +9.000 s
Anna  ●━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┄┄┄┄┄┄┄┄┄┄┄┄┄│  here 7.000 s, away 2.000 s
ben   ╷     ●━━━━━━━━━━━━━┄┄┄┄┄┄┄┄┄┄↻━━━━━━━━━✕                  │  here 3.500 s, away 1.500 s, page reloaded, left

╷ +0.000 s room created
│ +9.000 s sidecar stopped
━ here  ┄ away  ● joined  ◆ another connection  ↻ page reloaded  ✕ left  ╷ room  │ sidecar"""


def test_a_timeline_in_characters_has_a_line_for_each_session(tmp_path: Path) -> None:
    timeline = log_of(tmp_path, *TWO_PEERS).timeline("bar")
    assert re.sub(" +$", "", str(timeline), flags=re.MULTILINE) == TWO_PEERS_DRAWN
    assert repr(timeline) == str(timeline)


def test_a_session_is_drawn_as_connected_away_and_left(tmp_path: Path) -> None:
    log = log_of(tmp_path, *TWO_PEERS)
    assert spans_of(log, "ben") == [("here", 2.0, 4.0), ("away", 4.0, 5.5), ("here", 5.5, 7.0)]
    (ben,) = [row for row in log.timeline("bar").attendance.rows if row.peer == "ben"]
    standing = [ben.presence_at(T0_S + at) for at in (1.9, 2.0, 4.0, 5.5, 7.0, 9.0)]
    assert standing == ["absent", "here", "away", "here", "absent", "absent"]


def test_a_timeline_shows_which_sidecar_of_a_cluster_was_lost(tmp_path: Path) -> None:
    log = log_of(tmp_path, *IN_A_CLUSTER)
    moments = log.timeline("bar").attendance.moments
    assert [(moment.label, moment.is_server) for moment in moments] == [
        ("room created", False),
        ("sidecar 3 joined the cluster", True),
        ("sidecar 1 of the cluster was lost", True),
        ("sidecar 2 has the rooms now", True),
        ("sidecar 3 of the cluster stopped", True),
    ]
    assert spans_of(log, "ben") == [("here", 2.0, 3.1), ("away", 3.1, 3.2), ("here", 3.2, 4.0)]
    assert spans_of(log, "ann") == [("here", 1.0, 4.0)]


def test_a_session_without_an_end_lasts_until_the_log_ends(tmp_path: Path) -> None:
    assert spans_of(log_of(tmp_path, *TWO_PEERS), "ann") == [("here", 1.0, 8.0), ("away", 8.0, 10.0)]


def test_another_connection_of_the_same_page_is_not_a_reload(tmp_path: Path) -> None:
    lines = [*TWO_PEERS[:5], record(6, 3, "peer.resumed", **BEN, connection=3, data={"replaced": 2, "instance": "p2"})]
    (ben,) = [row for row in log_of(tmp_path, *lines).timeline("bar").attendance.rows if row.peer == "ben"]
    assert [mark.change for mark in ben.marks] == [Change.JOINED, Change.RECONNECTED]
    assert spans_of(log_of(tmp_path, *lines), "ben") == [("here", 2.0, 3.0)]


def test_a_room_that_survived_a_restart_is_one_timeline_in_which_all_peers_were_away(tmp_path: Path) -> None:
    log = log_of(tmp_path, *KILLED_AND_RESTORED)
    for chosen in ({}, {"boot": "b00t"}, {"boot": "cafe"}):
        assert spans_of(log, "ann", **chosen) == [("here", 1.0, 3.0), ("away", 3.0, 21.0), ("here", 21.0, 40.0)]
        assert spans_of(log, "ben", **chosen) == [("here", 2.0, 3.0), ("away", 3.0, 30.0)]
    assert "1 Ann (away)" in str(log.mesh("bar", at=15))  # no sidecar was running at this time
    timeline = log.timeline("bar")
    assert "boot b00t, cafe" in timeline.title
    assert [moment.label for moment in timeline.attendance.moments] == ["room created", "sidecar reloaded"]


def test_a_clock_that_was_set_back_makes_no_time_negative(tmp_path: Path) -> None:
    back = [
        record(6, -3600, "peer.left", **BEN, data={"reason": "left"}),
        record(7, -3599, "peer.left", **ANN, data={}),
    ]
    log = log_of(tmp_path, *TWO_PEERS[:5], *back)
    assert spans_of(log, "ann") == [("here", 1.0, 2.0)]
    assert "-" not in str(log.timeline("bar")).partition("UTC")[2]
    slider, _ = log.mesh_slider("bar").children
    assert (slider.min, slider.max) == (0, 1)
    assert ">-1:00:01<" in log.ladder("bar").to_html()  # a ladder shows each record's time


def test_a_session_that_joined_before_the_log_begins_is_present_from_its_start(tmp_path: Path) -> None:
    lines = [
        header("cafe"),
        record(2, 0.5, "room.updated", **BAR, data={"name": "Bar"}),
        record(3, 1, "peer.resumed", **ANN, connection=1, data={"instance": "p1"}),
        record(4, 2, "peer.left", **BEN, data={"reason": "lost"}),
    ]
    log = log_of(tmp_path, *lines)
    assert spans_of(log, "ann") == [("away", 0.5, 1.0), ("here", 1.0, 2.0)]
    assert spans_of(log, "ben") == [("here", 0.5, 2.0)]
    assert "left (lost)" in str(log.timeline("bar"))


def test_the_html_is_well_formed_and_needs_neither_script_nor_network(tmp_path: Path) -> None:
    page = ElementTree.fromstring(log_of(tmp_path, *KILLED_AND_RESTORED).timeline("bar")._repr_html_())
    tags = {element.tag.rpartition("}")[2] for element in page.iter()}
    assert tags <= {"div", "svg", "g", "title", "text", "rect", "path", "circle"}
    attributes = {name for element in page.iter() for name in element.attrib}
    assert not [name for name in attributes if name.startswith("on") or "href" in name or name == "src"]


def test_a_label_is_below_an_earlier_one_that_it_would_overlap(tmp_path: Path) -> None:
    lines = [*TWO_PEERS[:5], *(record(6 + n, 10 * n, "instance.left", data={"instance": n}) for n in range(1, 5))]
    page = ElementTree.fromstring(log_of(tmp_path, *lines).timeline("bar")._repr_html_())
    labels = [element for element in page.iter() if (element.text or "").endswith("was lost")]
    by_line: dict[str, list[float]] = {}
    for label in labels:
        by_line.setdefault(label.attrib["y"], []).append(float(label.attrib["x"]))
    widths = [later - earlier for starts in by_line.values() for earlier, later in pairwise(starts)]
    assert (len(labels), len(by_line)) == (4, 2)
    assert min(widths) > 190  # such a label is 190 px wide in Chromium


def test_names_are_escaped_and_take_one_line(tmp_path: Path) -> None:
    lines = [
        header("b00t"),
        record(2, 1, "peer.joined", **ANN, connection=1, data={"name": "<b>\x1b[31m\nAnn"}),
        record(3, 2, "peer.left", **ANN, data={"reason": "<i>\x07"}),
    ]
    timeline = log_of(tmp_path, *lines).timeline("bar")
    assert r"<b>\x1b[31m\nAnn" in str(timeline)
    for text in (str(timeline), timeline._repr_html_()):
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)
    assert "<b>" not in timeline._repr_html_()
    assert "<i>" not in timeline._repr_html_()


def test_a_room_with_a_single_record_is_drawn(tmp_path: Path) -> None:
    timeline = log_of(tmp_path, *TWO_PEERS[:3]).timeline("bar")
    assert "room created" in str(timeline)
    ElementTree.fromstring(timeline._repr_html_())


def test_a_recorded_meeting_has_its_reloads_and_its_reconnect() -> None:
    rows = open_log(RECORDED / "three-peers").timeline("bar").attendance.rows
    assert [(row.name, [str(mark.change) for mark in row.marks]) for row in rows] == [
        ("Ann", ["joined", "page reloaded", "left"]),
        ("Ben", ["joined", "left"]),
        ("Cleo", ["joined", "another connection", "left"]),
        ("Ben", ["joined", "left"]),
    ]
    assert [row.seconds(Presence.AWAY) > 0 for row in rows] == [True, False, True, False]


def test_peers_that_joined_before_the_log_begins_are_there_from_its_checkpoint_on(tmp_path: Path) -> None:
    sessions = [
        {"session": "s-ann", "peer": "ann", "name": "Ann", "connection": 1},
        {"session": "s-ben", "peer": "ben"},
    ]
    log = log_of(
        tmp_path,
        header("b00t"),
        record(2, 0.5, "log.checkpoint", data={"rooms": [{**BAR, "sessions": sessions}]}),
        record(3, 1.0, "signal.relayed", **ANN, connection=1, kind="broadcast", bytes=21, data={}),
        record(4, 2.0, "peer.left", **BEN, data={"reason": "lost"}),
        record(5, 3.0, "server.stopped"),
    )
    assert spans_of(log, "ann") == [("here", 0.5, 3.0)]
    assert spans_of(log, "ben") == [("away", 0.5, 2.0)]
    assert [row.label for row in log.timeline("bar").attendance.rows] == ["Ann", "ben"]


def test_a_session_whose_leave_is_in_a_gap_of_the_log_ends_where_the_log_shows_it(tmp_path: Path) -> None:
    known = [{"session": "s-ann", "peer": "ann", "connection": 1}]
    lines = [
        *TWO_PEERS[:5],
        record(7, 3, "log.gap", data={"lost": 1}),
        record(8, 4, "log.checkpoint", data={"rooms": [{**BAR, "sessions": known}]}),
    ]
    log = log_of(tmp_path, *lines, record(9, 6, "peer.updated", **ANN, data={"name": "Anna"}))
    assert spans_of(log, "ann") == [("here", 1.0, 6.0)]
    assert spans_of(log, "ben") == [("here", 2.0, 4.0)]
    assert "left (not recorded)" in str(log.timeline("bar"))
    assert [node.peer for node in log.mesh("bar").links.nodes] == ["ann"]
    assert "1 record is missing here" in str(log.ladder("bar"))
    log = log_of(tmp_path, *lines, record(9, 6, "peer.left", **BEN, data={"reason": "lost"}))
    assert spans_of(log, "ben") == [("here", 2.0, 6.0)]  # he left just after the checkpoint
    restarts = [record(9, 50, "peer.updated", **ANN, data={}), record(10, 60, "server.restored", data={})]
    log = log_of(tmp_path, *lines, *restarts)
    assert spans_of(log, "ann") == [("here", 1.0, 50.0), ("away", 50.0, 60.0)]
    assert spans_of(log, "ben") == [("here", 2.0, 4.0)]  # until the first checkpoint without him
    log = log_of(tmp_path, *lines[:-1], record(8, 4, "peer.joined", **{**BEN, "session": "s-ben-2"}))
    assert [node.peer for node in log.mesh("bar").links.nodes] == ["ann", "ben"]
    assert [row.seconds(Presence.HERE) for row in log.timeline("bar").attendance.rows] == [3.0, 2.0, 0.0]


def test_nobody_is_in_a_room_that_has_ended_although_a_leave_is_in_a_gap_of_the_log(tmp_path: Path) -> None:
    log = log_of(
        tmp_path,
        *TWO_PEERS[:5],
        record(8, 4, "log.gap", data={"lost": 2}),
        *(record(9, 5, "room.ended", **BAR), record(10, 50, "room.created", **BAR)),
        record(11, 50, "peer.joined", **BAR, peer="cleo", session="s-cleo"),
    )
    assert spans_of(log, "ann") == [("here", 1.0, 5.0)]
    assert [node.peer for node in log.mesh("bar").links.nodes] == ["cleo"]
    assert log.ladder("bar").steps[-1].presence == ("absent", "absent", "here")
