"""The tables of a log have the right content, and the columns that their docstrings describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from signaling_sidecar.inspection import EventLog, open_log
from signaling_sidecar.inspection.tables import column_values
from signaling_sidecar.inspection.tables.text_dtype import TEXT
from tests.kit.inspection_log import ANN, BAR, BEN, T0_S, TWO_PEERS, header, record, write_segment
from tests.kit.tables import described


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS))


def at(seconds: float) -> pd.Timestamp:
    return pd.Timestamp("2026-11-18 11:06:40Z") + pd.Timedelta(seconds=seconds)


def log_of(tmp_path: Path, *lines: str) -> EventLog:
    return open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", lines))


@pytest.mark.parametrize("table", ["events", "rooms", "sessions", "signals", "pairs", "candidates", "clocks"])
@pytest.mark.parametrize("lines", [TWO_PEERS, TWO_PEERS[:1], []], ids=["full", "header", "empty"])
def test_a_table_has_the_columns_and_dtypes_that_its_description_lists(
    tmp_path: Path, table: str, lines: list[str]
) -> None:
    frame = getattr(log_of(tmp_path, *lines), table)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == described(table)
    assert list(frame.index) == list(range(len(frame)))


@pytest.mark.parametrize("table", ["events", "rooms", "sessions", "signals", "pairs", "candidates"])
@pytest.mark.parametrize(
    "lines", [TWO_PEERS, TWO_PEERS[:4], TWO_PEERS[:1], []], ids=["full", "joined", "header", "empty"]
)
def test_the_categories_of_a_table_are_texts_even_if_there_are_none(
    tmp_path: Path, table: str, lines: list[str]
) -> None:
    frame = getattr(log_of(tmp_path, *lines), table)
    named = frame.select_dtypes("category")
    assert {name: column.cat.categories.dtype for name, column in named.items()} == dict.fromkeys(named, TEXT)
    frame.to_parquet(tmp_path / "table.parquet")
    read = pd.read_parquet(tmp_path / "table.parquet")
    assert read.to_csv() == frame.to_csv()
    if not pd.__version__.startswith("2.3."):  # it reads texts as objects
        assert read.dtypes.astype(str).equals(frame.dtypes.astype(str))


def test_a_changed_table_changes_no_other_table_and_no_drawing(tmp_path: Path) -> None:
    segment = write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS)
    log, changed = open_log(segment), open_log(segment)
    changed.events["time"] = changed.events["time"].dt.tz_localize(None)  # as `to_excel` requires
    changed.events["data"] = changed.events["data"].map(json.loads, na_action="ignore")
    changed.events["type"] = changed.events["type"].astype(str)
    changed.rooms["room"] = "foo"
    assert changed.events["data"].map(type).eq(dict).any()
    assert repr(changed) == repr(log)
    assert str(changed.ladder("bar")) == str(log.ladder("bar"))
    assert str(changed.timeline("bar")) == str(log.timeline("bar"))
    assert str(changed.mesh("bar")) == str(log.mesh("bar"))
    assert str(changed.diagnose()) == str(log.diagnose())
    for table in ("sessions", "signals", "pairs", "candidates"):
        pd.testing.assert_frame_equal(getattr(changed, table), getattr(log, table))


def test_events_have_every_field_of_a_record(log: EventLog) -> None:
    offer = log.events.iloc[5].dropna().to_dict()
    assert offer == {
        "v": 1,
        "seq": 6,
        "time": at(2.5),
        "type": "signal.relayed",
        **BEN,
        "to": "ann",
        "connection": 2,
        "kind": "offer",
        "bytes": 60,
        "data": '{"type": "offer", "to": "ann", "sdp": "v=0\\r\\na=ice-ufrag:BENu\\r\\n"}',
        "boot": "b00t",
    }
    assert log.events.iloc[0][["room", "to", "bytes", "connection"]].isna().all()


def test_a_room_has_a_row_for_each_time_that_it_existed(tmp_path: Path) -> None:
    lines = [
        header("b00t"),
        *(record(2, 1, "room.created", **BAR), record(3, 1, "peer.joined", **ANN, connection=1, data={})),
        *(record(4, 2, "peer.left", **ANN, data={"reason": "left"}), record(5, 2, "room.ended", **BAR)),
        record(
            6, 3, "signal.refused", dialect="rooms", room="club", peer="x", connection=2, data={"code": "room-full"}
        ),
        *(record(7, 4, "room.created", **BAR), record(8, 4, "peer.joined", **BEN, connection=3, data={})),
    ]
    rooms = log_of(tmp_path, *lines).rooms
    assert list(rooms["room"]) == ["bar", "bar"]
    assert list(rooms["created"]) == [at(1), at(4)]
    assert rooms["ended"][0] == at(2)
    assert pd.isna(rooms["ended"][1])
    assert list(rooms["peers_most"]) == [1, 1]


def test_a_room_that_survived_a_restart_has_its_earlier_sessions(tmp_path: Path) -> None:
    lines = [
        header("cafe"),
        *(record(2, 1, "peer.resumed", **ANN, connection=1), record(3, 2, "peer.left", **BEN, data={"reason": "lost"})),
        record(4, 3, "peer.joined", **BEN | {"session": "s-again"}, connection=2, data={}),
    ]
    (room,) = log_of(tmp_path, *lines).rooms.to_dict("records")
    assert (room["peers_most"], room["sessions"]) == (2, 3)
    assert pd.isna(room["created"])


def test_a_session_that_is_not_back_since_a_restart_is_away_in_every_table_and_drawing(tmp_path: Path) -> None:
    """The sidecar is killed. In the next run, Ann returns for a moment, and nothing else happens."""
    quiet = BAR | {"room": "quiet"}
    rooms = [
        BAR | {"sessions": [{"session": "s-ann", "peer": "ann"}, {"session": "s-ben", "peer": "ben"}]},
        quiet | {"sessions": [{"session": "s-cleo", "peer": "cleo"}]},
    ]
    first = [
        header("cafe"),
        *(record(2, 1, "peer.joined", **ANN, connection=1), record(3, 1, "peer.joined", **BEN, connection=2)),
        record(4, 1, "peer.joined", **quiet, peer="cleo", session="s-cleo", connection=3),
        record(5, 2, "peer.away", **BEN, data={"ending": "lost"}),
    ]
    second = [
        header("d00d", at=5),
        record(2, 5, "log.checkpoint", data={"rooms": rooms}),
        record(3, 5, "server.restored", data={"boot": "cafe"}),
        *(record(4, 6, "peer.resumed", **ANN, connection=1), record(5, 9, "peer.away", **ANN, data={"ending": "lost"})),
    ]
    write_segment(tmp_path / "events-cafe-0001.jsonl", first)
    write_segment(tmp_path / "events-d00d-0001.jsonl", second)
    log = open_log(tmp_path)
    away = log.sessions.set_index("peer")[["times_away", "away_s"]]
    assert away.T.to_dict("list") == {"ann": [2, 4.0], "ben": [1, 7.0], "cleo": [1, 7.0]}
    of_second = log.rooms[log.rooms["boot"] == "d00d"].set_index("room")
    assert of_second[["peers_most", "sessions"]].T.to_dict("list") == {"bar": [2, 2], "quiet": [1, 1]}
    assert "cleo  ●" in str(log.timeline("quiet"))
    assert "here 1.000 s, away 7.000 s" in str(log.timeline("quiet"))
    assert "1 cleo (away)" in str(log.mesh("quiet"))
    assert "boot cafe, d00d" in str(log.mesh("quiet"))
    assert "● joins" in str(log.ladder("quiet"))  # as `sidecar ladder` draws it: the run that has records of the room


def test_no_peer_is_away_for_a_negative_time_if_the_clock_was_set_back_since_the_last_record(tmp_path: Path) -> None:
    path = tmp_path / "events-b00t-0001.jsonl"
    write_segment(path, [*TWO_PEERS[:5], record(6, 3, "peer.away", **BEN, data={"ending": "lost"})])
    for read_at_s, away_s in ((1.0, 0.0), (9.0, 6.0)):
        log = EventLog(str(path), [path], open_log(path).events, T0_S + read_at_s)
        assert log.sessions.set_index("peer")["away_s"].to_dict() == {"ann": 0.0, "ben": away_s}


def test_peers_that_only_a_checkpoint_lists_are_in_every_table_and_drawing(tmp_path: Path) -> None:
    """The first segment of the log was deleted. Since then, Ann and all peers of the room "quiet" have sent nothing."""
    quiet = BAR | {"room": "quiet"}
    rooms = [
        quiet | {"sessions": [{"session": "s-cleo", "peer": "cleo", "name": "Cleo", "connection": 3}]},
        BAR | {"sessions": [{"session": f"s-{peer}", "peer": peer, "connection": 1} for peer in ("ann", "ben")]},
    ]
    log = log_of(
        tmp_path,
        header("b00t", at=1, seq=50),
        record(51, 1, "log.checkpoint", data={"rooms": rooms}),
        record(52, 1.5, "log.checkpoint", data={"rooms": rooms}),
        record(53, 2, "signal.relayed", **BEN, connection=1, to="ann", kind="offer", data={"type": "offer"}),
        record(54, 2, "signal.relayed", **BEN, connection=1, kind="broadcast", data={}),
        record(55, 9, "server.stopped"),
    )
    counts = log.sessions.set_index("peer")[["sent", "received", "times_away", "away_s"]]
    assert counts.T.to_dict("list") == {"cleo": [0, 0, 0, 0], "ann": [0, 2, 0, 0], "ben": [2, 0, 0, 0]}
    assert log.sessions["joined"].isna().all()
    assert log.sessions["name"].tolist()[0] == "Cleo"
    assert log.signals["to_session"].tolist()[0] == "s-ann"
    assert log.rooms.set_index("room")[["peers_most", "sessions"]].T.to_dict("list") == {"quiet": [1, 1], "bar": [2, 2]}
    assert log.pairs[["peer", "other"]].values.tolist() == [["ann", "ben"]]
    for room, peers in (("bar", ["ann", "ben"]), ("quiet", ["cleo"])):
        assert [row.peer for row in log.timeline(room).attendance.rows] == peers
        assert [column.peer for column in log.ladder(room).columns] == peers
        assert [node.peer for node in log.mesh(room).links.nodes] == peers
        assert str(log.timeline(room)).count("here 8.000 s") == len(peers)


def test_a_session_whose_leave_is_in_a_gap_of_the_log_gets_no_signals_afterwards(tmp_path: Path) -> None:
    there = [{**BAR, "sessions": [{"session": "s-ann", "peer": "ann", "connection": 1}]}]
    log = log_of(
        tmp_path,
        *TWO_PEERS[:5],
        record(6, 3, "peer.away", **BEN, connection=2, data={"ending": "lost"}),
        *(record(8, 4, "log.checkpoint", data={"rooms": there}), record(9, 4, "log.gap", data={"lost": 1})),
        record(10, 5, "peer.joined", **BAR, peer="cleo", session="s-cleo", connection=3, data={}),
        *(record(11 + step, 6, "signal.relayed", **ANN, kind="broadcast", bytes=2, data={}) for step in range(3)),
        record(14, 60, "peer.updated", **ANN, data={}),
    )
    sessions = log.sessions.set_index("peer")
    assert sessions[["received", "away_s"]].to_dict("index") == {
        "ann": {"received": 0, "away_s": 0.0},
        "ben": {"received": 0, "away_s": 1.0},
        "cleo": {"received": 3, "away_s": 0.0},
    }
    assert sessions["left"].isna().all(), "only a record says when a peer has left"
    assert log.rooms["peers_most"].tolist() == [2]


def test_names_are_in_alphabetical_order_and_can_be_compared(log: EventLog) -> None:
    for name in ("type", "kind", "peer", "to"):
        categories = list(log.events[name].cat.categories)
        assert categories == sorted(categories)
    said = log.events.dropna(subset=["to"])
    assert not (said["peer"] == said["to"]).any()
    assert not (log.signals["session"] == log.signals["to_session"]).any()


def test_the_table_of_rooms_counts_events(log: EventLog) -> None:
    row = log.rooms.iloc[0]
    assert (row["peers_most"], row["sessions"], row["signals"], row["refused"], row["bytes"]) == (2, 2, 4, 1, 263)


def test_a_session_has_its_peer_room_start_and_end(log: EventLog) -> None:
    ann, ben = (row for _, row in log.sessions.iterrows())
    assert (ann["peer"], ann["name"], ann["joined"]) == ("ann", "Anna", at(1))
    assert pd.isna(ann["left"])
    assert pd.isna(ann["reason"])
    assert pd.isna(ben["name"])
    assert (ben["joined"], ben["left"], ben["reason"]) == (at(2), at(7), "left")
    assert pd.isna(ben["ending"])


def test_a_session_that_was_lost_tells_how_its_last_connection_ended(tmp_path: Path) -> None:
    left = {"reason": "lost", "ending": "unloaded"}
    lines = [
        header("b00t"),
        record(2, 1, "peer.joined", **ANN, connection=1),
        record(3, 9, "peer.left", **ANN, data=left),
    ]
    (ann,) = log_of(tmp_path, *lines).sessions.to_dict("records")
    assert (ann["reason"], ann["ending"]) == ("lost", "unloaded")


def test_a_session_distinguishes_reloads_from_lost_connections(log: EventLog) -> None:
    ann, ben = (row for _, row in log.sessions.iterrows())
    assert (ben["connections"], ben["pages"], ben["times_away"], ben["away_s"]) == (2, 2, 1, 1.5)
    assert (ann["connections"], ann["pages"], ann["times_away"], ann["away_s"]) == (1, 1, 1, 2.0)


def test_a_session_counts_its_sent_and_received_signals(log: EventLog) -> None:
    assert log.sessions[["sent", "received", "refused"]].to_numpy().tolist() == [[2, 2, 1], [2, 2, 0]]


def test_a_broadcast_counts_for_the_sessions_at_that_time(tmp_path: Path) -> None:
    def said(seq: int, seconds: float, who: dict[str, Any]) -> str:
        return record(seq, seconds, "signal.relayed", **who, kind="broadcast", bytes=1, data={})

    late = {**BEN, "peer": "late", "session": "s-late"}
    lines = [
        header("b00t"),
        *(record(2, 1, "peer.joined", **ANN, connection=1), record(3, 1, "peer.joined", **BEN, connection=2)),
        *(said(4, 2, ANN), said(5, 3, BEN), record(6, 4, "peer.left", **BEN, data={"reason": "closed"})),
        *(said(7, 5, ANN), record(8, 6, "peer.joined", **late, connection=3), said(9, 7, ANN)),
    ]
    sessions = log_of(tmp_path, *lines).sessions.set_index("peer")
    assert sessions["received"].to_dict() == {"ann": 1, "ben": 1, "late": 1}
    assert sessions["sent"].to_dict() == {"ann": 3, "ben": 1, "late": 0}


def test_the_same_peer_in_two_boots_has_two_separate_sessions(tmp_path: Path) -> None:
    def boot(name: str, start: float) -> list[str]:
        ann, ben = ANN | {"session": f"ann-{name}"}, BEN | {"session": f"ben-{name}"}
        return [
            header(name, at=start),
            record(2, start + 1, "peer.joined", **ann, connection=1),
            record(3, start + 1, "peer.joined", **ben, connection=2),
            record(4, start + 2, "signal.relayed", **ann, to="ben", kind="signal", bytes=2, data={}),
            record(5, start + 2, "signal.relayed", **ann, kind="broadcast", bytes=2, data={}),
        ]

    write_segment(tmp_path / "events-1111-0001.jsonl", boot("1111", 0))
    write_segment(tmp_path / "events-2222-0001.jsonl", boot("2222", 60))
    log = open_log(tmp_path)
    assert log.sessions.set_index("session")["received"].to_dict() == {
        "ann-1111": 0,
        "ben-1111": 2,
        "ann-2222": 0,
        "ben-2222": 2,
    }
    assert list(log.signals["to_session"].dropna()) == ["ben-1111", "ben-2222"]
    assert list(log.rooms["boot"]) == ["1111", "2222"]


def test_signals_contain_the_media_of_their_payloads(log: EventLog) -> None:
    offer, _, candidate, broadcast, refused = (row.dropna().to_dict() for _, row in log.signals.iterrows())
    assert offer["sdp_type"] == "offer"
    assert (offer["description_bytes"], offer["ufrag"], offer["to_session"]) == (23, "BENu", "s-ann")
    found = [candidate[name] for name in ("candidate_type", "protocol", "address_class", "address", "port", "ufrag")]
    assert found == ["host", "udp", "mdns", "b.local", 5000, "BENu"]
    assert broadcast.keys() & {"to", "to_session", "sdp_type", "candidate_type", "code"} == set()
    assert (refused["outcome"], refused["code"], refused["count"]) == ("refused", "no-such-peer", 1)
    assert refused["message"] == "no other peer 'ben' in this room"
    assert "to_session" not in refused


def test_the_table_of_signals_is_the_same_for_a_log_of_summaries(tmp_path: Path) -> None:
    kept = '{"summary":true,"ufrag":"u","candidate":{"type":"srflx","protocol":"udp","address_class":"public"}}'
    offer = '{"summary":true,"description_bytes":400,"ufrag":"u"}'
    signals = log_of(
        tmp_path,
        header("b00t"),
        record(2, 1, "signal.relayed", **ANN, to="ben", kind="offer", bytes=500, data=offer),
        record(3, 2, "signal.relayed", **ANN, to="ben", kind="candidate", bytes=90, data=kept),
        record(4, 3, "signal.relayed", **ANN, to="ben", kind="candidate", bytes=90),
    ).signals
    assert (signals["sdp_type"][0], signals["description_bytes"][0]) == ("offer", 400)
    assert (signals["candidate_type"][1], signals["address_class"][1]) == ("srflx", "public")
    assert pd.isna(signals["candidate_type"][2])


def test_a_frame_that_is_kept_and_one_that_expires_are_signals_with_an_outcome(tmp_path: Path) -> None:
    kept = {"dialect": "rooms", "room": "bar", "peer": "ann", "session": "s-ann", "to": "ben", "kind": "offer"}
    lines = [
        header("b00t"),
        record(2, 1.0, "signal.kept", **kept, bytes=16, data={"type": "offer", "sdp": "v=0"}),
        record(3, 6.0, "signal.expired", **kept, bytes=16),
    ]
    signals = open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", lines)).signals
    assert list(signals["outcome"]) == ["kept", "expired"]
    assert list(signals["sdp_type"].astype(object).where(signals["sdp_type"].notna(), None)) == ["offer", None]


def test_the_tables_do_not_depend_on_how_many_rows_are_converted_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = ("rooms", "sessions", "signals", "pairs", "candidates")
    at_once = log_of(tmp_path, *TWO_PEERS)
    whole = [getattr(at_once, table) for table in tables]
    monkeypatch.setattr(column_values, "_PART_ROWS", 3)
    in_parts = log_of(tmp_path, *TWO_PEERS)
    for table, expected in zip(tables, whole, strict=True):
        pd.testing.assert_frame_equal(getattr(in_parts, table), expected)


def test_a_session_has_the_subject_of_its_access_token(tmp_path: Path) -> None:
    joined = record(2, 1, "peer.joined", **ANN, connection=1, data={"subject": "ann@example.com", "joined_at_ms": 1})
    renamed = record(3, 2, "peer.updated", **ANN, connection=1, data={"name": "Ann"})
    without = record(4, 3, "peer.joined", **BEN, connection=2, data={"joined_at_ms": 2})
    subjects = log_of(tmp_path, header("b00t"), joined, renamed, without).sessions["subject"]
    assert subjects.iloc[0] == "ann@example.com"
    assert pd.isna(subjects.iloc[1])
