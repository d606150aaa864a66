"""`Looker` reads an event log that grows. It shows new records at once. When its window has become too large, it
forgets the records of the oldest segment."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.analysis import log_window
from signaling_sidecar.analysis.log_window import Logged
from signaling_sidecar.analysis.overview import overview
from signaling_sidecar.analysis.room_view import RoomView
from signaling_sidecar.analysis.seen import Looker, Read, Seen
from signaling_sidecar.diagnosis import why
from signaling_sidecar.errors import NoLog
from tests.kit.diagnosis_log import Story, sdp
from tests.kit.inspection_log import header, record, write_segment
from tests.kit.serving import Served, serve
from tests.kit.sidecar_command import run_here

SEGMENT_BYTES = 65_536
NOW_TS = 4e9  # later than all records, so that no verdict changes because time passes
BOOT = "r0000001-b00tb00t"


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_window, "WINDOW_BYTES", 2 * SEGMENT_BYTES)


def told(seen: Seen) -> list[object]:
    shown = overview(seen)
    return [
        shown.seq,
        shown.pairs,
        shown.logged,
        shown.reporting,
        [each.seq for each in seen.entries],
        why(seen.diagnosis),
    ]


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize("payloads", ["full", "none"])
async def test_going_on_shows_the_same_as_looking_for_the_first_time(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, payloads: str
) -> None:
    """The sidecar that writes the log begins new segments and compresses old ones. It records all payloads or none."""
    monkeypatch.setattr("signaling_sidecar.analysis.seen.time", SimpleNamespace(time=lambda: NOW_TS))
    served = await serve(aiohttp_client, tmp_path, payloads=payloads, log_segment_bytes=SEGMENT_BYTES)
    looker = Looker(tmp_path, served.sidecar.boot)
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    await ben.join("ben")
    lengths = []
    for number in range(60):
        for peer, other, kind in ((ben, "ann", "offer"), (ann, "ben", "answer")):
            for _ in range(20):
                await peer.send({"type": kind, "to": other, "sdp": sdp(f"{other}{number}") + "a=x\r\n" * 50})
        await served.settled()
        seen = looker.look()
        lengths.append(len(seen.entries))
        assert seen.seq == seq_of(served)
        assert told(seen) == told_of(seen.entries, served.sidecar.boot)
    assert lengths != sorted(lengths)  # there were fewer records after the oldest segment was forgotten


@pytest.mark.usefixtures("small_window")
async def test_a_room_keeps_its_peers_when_the_records_of_their_joins_are_forgotten(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, log_segment_bytes=SEGMENT_BYTES)
    peers = [await served.connect() for _ in range(3)]
    for peer, name in zip(peers, ("ann", "ben", "cat"), strict=True):
        await peer.join(name, "quiet" if name == "cat" else "bar")
    looker = Looker(tmp_path, served.sidecar.boot)
    while looker.look().entries[0].seq == 1:
        await peers[0].send({"type": "offer", "to": "ben", "sdp": sdp("ANN") + "a=x\r\n" * 500})
        await served.settled()
    views = [RoomView(looker.look(), ("rooms", room), None) for room in ("bar", "quiet")]
    ladders = [view.as_object(None, ())["ladder"] for view in views]
    assert [[column.peer for column in view.ladder().columns] for view in views] == [["ann", "ben"], ["cat"]]
    assert [ladder["rows"] > 0 for ladder in ladders] == [True, False]
    for ladder, room in zip(ladders, ("bar", "quiet"), strict=True):
        assert ladder["cut"].startswith("Earlier records than #")
        command = re.search("`sidecar (.+)`", ladder["cut"])
        assert command is not None
        shown = run_here(*command[1].replace("ROOM", room).split(), "--state-dir", str(tmp_path))
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "── room created ──" in shown.stdout
    assert ["cat" in view.as_object(None, ())["timeline"] for view in views] == [False, True]


def told_of(entries: Sequence[Logged], boot: str) -> list[object]:
    """Return the analysis of a reader that reads all these entries at once."""
    read = Read(boot)
    read.add(entries)
    return told(read.seen(NOW_TS))


def seq_of(served: Served) -> int:
    records: list[dict[str, Any]] = served.records()
    return int(records[-1]["seq"])


def test_a_look_without_news_gives_the_same_until_a_time_to_act_has_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path)
    path = story.joins("ben", "Ben").describes("ben", "offer").write()
    monkeypatch.setattr("time.time", lambda: story.now_ts)
    looker = Looker(path.parent, "b00t")
    seen = looker.look()
    assert looker.look() is seen
    assert seen.changes_ts is not None
    story.at_s += seen.changes_ts - story.now_ts
    later = looker.look()
    assert "has not answered the offer" in later.diagnosis.verdicts[0].sentence
    assert later.changes_ts is None
    assert looker.look() is later


def test_two_guests_of_a_room_with_a_host_do_not_count_as_a_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path).joins("ben", "Ben").joins("cleo", "Cleo").record("room.updated", data={"host": "ann"})
    path = story.describes("ben", "offer").waits(60).write()
    monkeypatch.setattr("time.time", lambda: story.now_ts)
    seen = Looker(path.parent, "b00t").look()
    ((_, pairs),) = overview(seen).pairs
    assert pairs.counts == {"connected": 0, "trying": 0, "failed": 1, "unknown": 1}
    peers = [{"peer": peer, "session": f"s-{peer}-1", "away": False, "host": peer == "ann"} for peer in ("ben", "cleo")]
    room = {"dialect": "rooms", "room": "bar", "listed": True, "capacity": 9, "createdAt": 0, "peers": peers}
    view = RoomView(seen, ("rooms", "bar"), {**room, "peers": [{**each, "joinedAt": 0} for each in peers]})
    shown = view.as_object(None, ())
    assert shown["room"]["summary"] == "0 of 2 pairs are known to be connected, 1 failed, 1 unknown."
    assert [verdict.must_connect for verdict in shown["verdicts"]] == [True, True, False]
    assert "neither is the host of the room" not in shown["mesh"]


def test_a_folder_that_was_gone_is_read_from_its_beginning(tmp_path: Path) -> None:
    folder, away = tmp_path / "state", tmp_path / "away"
    folder.mkdir()
    lines = [header(BOOT), record(2, 1.0, "peer.joined", dialect="rooms", room="bar", peer="ann", session="s1")]
    write_segment(folder / f"events-{BOOT}-0001.jsonl", lines)
    looker = Looker(folder, BOOT)
    assert looker.look().seq == 2
    folder.rename(away)
    with pytest.raises((NoLog, OSError)):
        looker.look()
    shutil.copytree(away, folder)
    assert [each.seq for each in looker.look().entries] == [1, 2]


def test_only_rooms_of_this_run_of_the_sidecar_have_records(tmp_path: Path) -> None:
    for boot, room in (("r0000000-b00tb00t", "pub"), (BOOT, "bar")):
        joined = record(2, 1.0, "peer.joined", dialect="rooms", room=room, peer="ann", session=f"s-{room}")
        write_segment(tmp_path / f"events-{boot}-0001.jsonl", [header(boot), joined])
    seen = Looker(tmp_path, BOOT).look()
    assert seen.seq == 2
    assert len(seen.entries) == 4
    assert overview(seen).logged == [("rooms", "bar")]


def test_the_evidence_of_a_verdict_from_an_earlier_run_is_not_taken_for_records_of_this_run(tmp_path: Path) -> None:
    Story(tmp_path, boot="r0000000-b00tb00t").joins("ben").describes("ben", "offer").write()
    Story(tmp_path, boot=BOOT, at_s=60).joins("cat").record("signal.relayed", "cat", to="ann", kind="offer").write()
    shown = RoomView(Looker(tmp_path, BOOT).look(), ("rooms", "bar"), None).as_object(None, ())
    evidence = {verdict.peers: [each.boot for each in verdict.evidence] for verdict in shown["verdicts"]}
    assert evidence["ann", "ben"] == []
    assert set(evidence["ann", "cat"]) == {BOOT}


def test_a_browser_reports_even_if_it_has_told_only_the_title_of_its_page(tmp_path: Path) -> None:
    path = Story(tmp_path).joins("ben", "Ben").reports("ben", "page", pc=None, title="Chess").write()
    assert overview(Looker(path.parent, "b00t").look()).reporting == {"s-ben-1"}
