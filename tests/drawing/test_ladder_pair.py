"""The ladder of two peers of a room, which contains their browsers' reports about the connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.drawing.errors import UnknownRoom
from signaling_sidecar.drawing.ladder.steps import Look
from signaling_sidecar.inspection import EventLog, Ladder, open_log
from tests.kit.checkout import RECORDED
from tests.kit.inspection_log import ANN, BAR, BEN, TWO_PEERS, header, record, write_segment

CAT = {**BAR, "peer": "cat", "session": "s-cat"}


def log_of(tmp_path: Path, *lines: str) -> EventLog:
    return open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", lines))


def said(seq: int, who: dict[str, str], to: str | None, kind: str = "signal") -> str:
    return record(seq, seq, "signal.relayed", **who, **({} if to is None else {"to": to}), kind=kind, data={})


def reported(seq: int, who: dict[str, str], pc: str, **report: Any) -> str:
    return record(seq, seq, "trace.state", **who, data={"type": "trace", "pc": pc, **report})


def rows(ladder: Ladder) -> list[tuple[int, str]]:
    return [(step.seq, step.label) for step in ladder.steps]


THREE_PEERS = [
    header("b00t"),
    record(2, 2, "room.created", **BAR, data={}),
    *(record(n, n, "peer.joined", **who, connection=n, data={}) for n, who in enumerate((ANN, BEN, CAT), 3)),
    said(6, ANN, "ben"),
    said(7, ANN, "cat"),
    said(8, CAT, "ben"),
    said(9, ANN, None, "to-all"),
    said(10, CAT, None, "to-all"),
    record(11, 11, "peer.away", **CAT, data={"ending": "lost"}),
    record(12, 12, "peer.away", **BEN, data={"ending": "lost"}),
    record(13, 13, "peer.left", **BEN, data={"reason": "left"}),
    record(14, 14, "signal.refused", **ANN, to="ben", kind="x", data={"code": "no-such-peer"}),
    record(15, 15, "signal.refused", **ANN, to="eve", kind="x", data={"code": "no-such-peer"}),
    record(16, 16, "peer.joined", **BEN | {"session": "s-again"}, connection=9, data={}),
    said(17, ANN, "ben"),
]


def test_only_events_that_concern_the_two_peers_are_drawn(tmp_path: Path) -> None:
    log = log_of(tmp_path, *THREE_PEERS)
    ladder = log.ladder(log.pairs.iloc[0])
    assert [column.peer for column in ladder.columns] == ["ann", "ben"]
    assert rows(ladder) == [
        *((2, "room created"), (3, "joins"), (4, "joins")),
        *((6, "signal"), (9, "to-all"), (12, "away (lost)"), (13, "leaves"), (14, "x ✗ no-such-peer")),
    ]
    assert ladder.title == "Room bar · rooms · boot b00t · ann and ben · 2026-11-18, times in UTC"


def test_a_peer_that_joins_again_is_another_pair(tmp_path: Path) -> None:
    log = log_of(tmp_path, *THREE_PEERS)
    [again] = [row for _, row in log.pairs.iterrows() if (row["peer"], row["other_session"]) == ("ann", "s-again")]
    assert rows(log.ladder(again)) == [
        *((2, "room created"), (3, "joins"), (9, "to-all"), (14, "x ✗ no-such-peer"), (16, "joins"), (17, "signal")),
    ]


def test_recorded_pairs_are_drawn_with_their_names_and_without_other_peers() -> None:
    log = open_log(RECORDED / "three-peers")
    for _, pair in log.pairs.iterrows():
        ladder, names = log.ladder(pair), {pair["name"], pair["other_name"]}
        assert {column.name for column in ladder.columns} == names
        looks = [step.look for step in ladder.steps]
        # The table `pairs` counts the offers and answers of the last attempt only.
        assert looks.count(Look.OFFER) >= pair["offers"] + pair["offers_back"] > 0
        assert looks.count(Look.ANSWER) >= pair["answers"] + pair["answers_back"] > 0
        connected = [step.what.split(",")[0] for step in ladder.steps if step.look is Look.CONNECTED]
        assert set(connected) == {f"connected to {name}" for name in names}


def test_two_peers_that_met_in_no_room_have_no_ladder(tmp_path: Path) -> None:
    pages = [
        record(2 + n, n, "trace.state", data={"pc": one, "event": "state", "localUfrag": one, "remoteUfrag": other})
        for n, (one, other) in enumerate((("p1", "p2"), ("p2", "p1")))
    ]
    bar = record(9, 9, "peer.joined", **ANN, data={})
    log = log_of(tmp_path, header("b00t"), *pages, bar)
    assert len(log.pairs) == len(log.rooms) == 1
    with pytest.raises(UnknownRoom, match=r"no room of these two: .* only their browsers' reports are known$"):
        log.ladder(log.pairs.iloc[0])


# --- what browsers reported ---

PAIR = {"local": {"type": "relay", "protocol": "tcp"}, "remote": {"type": "prflx", "protocol": "udp"}}


def test_marks_show_when_a_connection_came_up_or_went_down(tmp_path: Path) -> None:
    ladder = log_of(
        tmp_path,
        *TWO_PEERS[:5],
        reported(20, ANN, "p1", event="opened", peerId="ben"),
        reported(21, ANN, "p1", event="state", connection="connecting", peerId="ben"),
        reported(22, ANN, "p1", event="state", connection="connected", peerId="ben"),
        reported(23, ANN, "p1", event="state", connection="connected", ice="completed", peerId="ben"),
        reported(24, ANN, "p1", event="selected", pair=PAIR, peerId="ben"),
        reported(25, BEN, "p2", event="state", connection="connected"),
        reported(26, ANN, "p1", event="state", connection="disconnected", peerId="ben"),
        reported(27, ANN, "p1", event="state", connection="failed", peerId="ben"),
        reported(28, ANN, "p3", event="state", connection="failed", peerId="eve"),
        record(29, 29, "trace.state", **ANN, data="no report"),
        record(30, 30, "peer.updated", **BEN, data={"name": "Benno"}),
        reported(31, ANN, "p4", event="state", connection="connected", peerId="ben"),
    ).ladder("bar")
    marks = [(step.seq, step.look, step.column, step.label) for step in ladder.steps[3:] if step.seq != 30]
    assert marks == [
        (22, "connected", 0, "connected to Benno, relay-prflx tcp"),
        (25, "connected", 1, "connected"),
        (26, "disconnected", 0, "disconnected from Benno"),
        (27, "failed", 0, "failed to reach Benno"),
        (28, "failed", 0, "failed to reach eve"),
        (31, "connected", 0, "connected to Benno"),
    ]
    assert "◆ connected" in str(ladder)
    assert "◇ disconnected from Benno" in str(ladder)


def test_reports_about_a_connection_to_a_third_peer_are_not_drawn(tmp_path: Path) -> None:
    reports = [
        reported(18, ANN, "p1", event="state", connection="connected", peerId="ben"),
        reported(19, ANN, "p2", event="state", connection="connected", peerId="cat"),
    ]
    log = log_of(tmp_path, *THREE_PEERS[:9], *reports)
    assert [label for seq, label in rows(log.ladder(log.pairs.iloc[0])) if seq > 10] == ["connected to ben"]
