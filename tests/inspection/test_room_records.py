"""The drawing of one room needs only a few records of a long log, which lead to the same verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from signaling_sidecar.diagnosis import Entry, diagnose, read_entries
from signaling_sidecar.drawing import RoomRuns
from signaling_sidecar.inspection import open_log
from signaling_sidecar.inspection.room_records import room_records
from tests.bench.log_generator import write_log
from tests.kit.checkout import ROOT
from tests.kit.diagnosis_log import Story, elsewhere, pages, sdp
from tests.kit.inspection_log import header, record, write_segment

RECORDED = sorted((ROOT / "notebooks" / "recorded").iterdir())
ANN_ID, BEN_ID = "0123456789abcdef01234567", "89abcdef0123456789abcdef"
GAME = {"dialect": "peerjs", "room": "game"}
LOBBY = {"dialect": "rooms", "room": "lobby"}


def verdicts(entries: Iterable[Entry]) -> dict[tuple[str | None, str | None], list[str]]:
    """The sentences of the verdicts by dialect and room. They contain the labels of the peers."""
    found: dict[tuple[str | None, str | None], list[str]] = defaultdict(list)
    for verdict in diagnose(entries).verdicts:
        found[verdict.meeting.dialect, verdict.meeting.room].append(verdict.sentence)
    return found


def check_all_rooms(path: Path, only_each: int = 1) -> None:
    log = open_log(path)
    boots = tuple(log.events["boot"].astype(str).drop_duplicates())
    whole = list(read_entries(log.segments))
    expected, end = verdicts(whole), record_of_end(whole)
    rooms = [(entry.dialect, entry.room) for entry in whole if entry.dialect is not None and entry.room is not None]
    for dialect, room in [*dict.fromkeys(rooms)][::only_each]:
        few = [*room_records(log.events, RoomRuns(dialect, room, boots)), end]
        assert verdicts(few)[dialect, room] == expected[dialect, room]


def record_of_end(whole: list[Entry]) -> Entry:
    """A record at the end of the log. Without it, the log would end earlier, and fewer deadlines would be over."""
    return Entry(1, whole[-1].seq, whole[-1].ts, "server.stopped")


@pytest.mark.parametrize("folder", RECORDED, ids=lambda path: path.name)
def test_they_lead_to_the_verdicts_of_a_diagnosis_of_the_whole_log(folder: Path) -> None:
    check_all_rooms(folder)


def test_they_do_so_in_a_log_of_many_rooms_and_segments(tmp_path: Path) -> None:
    write_log(tmp_path, 8000, segments=4)
    check_all_rooms(tmp_path, only_each=20)


def test_a_page_outside_of_the_room_is_found_by_the_ufrag_of_its_connection(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.joins("ben").describes("ben", "offer").describes("ann", "answer")
    pages(story, ("page-of-ben", "Game", "/game"), ("page-of-nobody", "Shop", "/shop"))
    elsewhere(story, "page-of-nobody", localUfrag="xxxx", remoteUfrag="yyyy")
    elsewhere(story, "page-of-ben", connection="new")
    elsewhere(story, "page-of-ben", localUfrag="BENu", remoteUfrag="ANNu", connection="connected")
    path = story.write()
    few = room_records(open_log(path).events, RoomRuns("rooms", "bar", ("b00t",)))
    reports = [entry.data or "" for entry in few if entry.type == "trace.state"]
    assert len(reports) == 3
    assert not any("page-of-nobody" in report for report in reports)
    check_all_rooms(path)


def test_a_gap_of_the_log_concerns_every_room(tmp_path: Path) -> None:
    story = Story(tmp_path).joins("ben").describes("ben", "offer")
    check_all_rooms(story.record("log.gap", dialect=None, room=None, data={"lost": 7}).waits(60).leaves("ben").write())


def test_a_connection_to_a_peer_of_another_room_belongs_to_that_room(tmp_path: Path) -> None:
    """The pages are in a lobby, in which they report their connections, and call each other in a room of PeerJS."""
    ann, ben = {"peer": ANN_ID, "session": "s-ann"}, {"peer": BEN_ID, "session": "s-ben"}
    report = {"type": "trace", "event": "state", "page": "p", "pc": "pc", "peerId": "lobby-ben", "localUfrag": "ANNu"}
    about = {"type": "trace", "event": "page", "page": "p", "title": "Chess"}
    in_lobby = {**LOBBY, "peer": "lobby-ann", "session": "l-ann"}
    path = write_segment(
        tmp_path / "events-b00t-0001.jsonl",
        [
            header("b00t"),
            record(2, 1.0, "peer.joined", **in_lobby, data={}),
            record(3, 1.5, "peer.joined", **LOBBY, peer="lobby-ben", session="l-ben", data={}),
            record(4, 2.0, "peer.joined", **GAME, **ann, data={}),
            record(5, 2.5, "peer.joined", **GAME, **ben, data={}),
            record(6, 3.0, "signal.relayed", **GAME, **ann, to=BEN_ID, kind="offer", data={"sdp": sdp("ANNu")}),
            record(7, 3.5, "trace.state", **in_lobby, kind="trace", data=about),
            record(8, 4.0, "trace.state", **in_lobby, kind="trace", data=report),
        ],
    )
    check_all_rooms(path)
    (pair,) = open_log(path).pairs.query("room == 'game'").to_dict("records")
    assert pair["sentence"].startswith("tab 1 and tab 2")  # the title "Chess" is only known in the lobby


def test_a_checkpoint_of_many_rooms_is_cut_to_those_that_matter(tmp_path: Path) -> None:
    write_log(tmp_path, 2000, segments=2)
    events = open_log(tmp_path).events
    last = events.dropna(subset="room").iloc[-1]
    few = room_records(events, RoomRuns(last["dialect"], last["room"], (last["boot"],)))
    (_, checkpoint) = [entry for entry in few if entry.type == "log.checkpoint"]
    (whole,) = events[events["seq"] == checkpoint.seq]["data"]
    assert 0 < len(checkpoint.data or "") < len(whole) / 20
