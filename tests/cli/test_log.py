"""`sidecar log` shows, deletes and copies the event log."""

from __future__ import annotations

import gzip
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.cli import log_export, main
from signaling_sidecar.diagnosis import Reason, diagnose, read_entries
from signaling_sidecar.eventlog import clear_log
from signaling_sidecar.eventlog.previous_run import newest_run
from signaling_sidecar.eventlog.retention import compress
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import lock
from signaling_sidecar.inspection import open_log
from tests.kit.checkout import RECORDED
from tests.kit.diagnosis_log import CONNECTED, Story, elsewhere
from tests.kit.inspection_log import T0_S, TWO_PEERS, header, record, write_segment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder with the logs of two runs. The log of the first run is compressed."""
    state = tmp_path / "state"
    state.mkdir()
    older = "".join(f"{line}\n" for line in (header("a"), record(2, 1, "server.stopped")))
    (state / "events-a-0001.jsonl.gz").write_bytes(gzip.compress(older.encode()))
    write_segment(state / "events-b00t-0001.jsonl", TWO_PEERS)
    return state


def said(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> list[str]:
    assert main(["log", *arguments, "--state-dir", str(folder)]) == 0
    return capsys.readouterr().out.splitlines()


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> str:
    assert main(["log", *arguments, "--state-dir", str(folder)]) == 2
    return capsys.readouterr().err


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("events-*"))


@pytest.mark.usefixtures("_far_from_greenwich")
def test_it_prints_the_path_the_size_and_the_times_of_the_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where, size, time = said(capsys, folder)
    size_bytes = sum((folder / name).stat().st_size for name in names(folder))
    assert (where, size) == (str(folder), f"2 segments of 2 boots, {size_bytes:,} bytes")
    assert time == "from 2026-11-18 11:06:40 to 2026-11-18 11:06:50 UTC"


def test_the_state_folder_may_be_named_before_the_verb(folder: Path) -> None:
    assert main(["log", "--state-dir", str(folder), "clear"]) == 0
    assert names(folder) == []


def test_a_missing_log_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no event log" in refused(capsys, tmp_path)
    assert "no state folder" in refused(capsys, tmp_path / "nowhere", "clear")


# --- clear ---------------------------------------------------------------------------------------------------------


def test_clearing_deletes_the_whole_log_of_a_stopped_sidecar(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "events-0ld-0001.jsonl.unreadable").write_text("of another version")
    (folder / "runtime.json").write_text("left behind by kill -9")
    deleted, next_start = said(capsys, folder, "clear")
    assert deleted.startswith(f"deleted 3 files of {folder}, ")
    assert "will have no rooms" in next_start
    assert names(folder) == []
    assert newest_run(folder) == []


@pytest.fixture
def running(folder: Path) -> Iterator[Path]:
    """The state folder, locked as if a sidecar was running in it."""
    held = lock(folder)
    yield folder
    os.close(held)


def test_clearing_keeps_the_segment_that_a_running_sidecar_writes(
    running: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (running / "events-0ld-0001.jsonl.gz.new").write_text("left behind by kill -9 while the segment was compressed")
    deleted, kept = said(capsys, running, "clear")
    assert deleted.startswith(f"deleted 2 files of {running}, ")
    assert kept == "the sidecar is running, so events-b00t-0001.jsonl was kept: it is still being written"
    assert names(running) == ["events-b00t-0001.jsonl"]


def test_clearing_says_why_it_does_not_know_whether_the_sidecar_is_running(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "lock").mkdir()  # a folder, which cannot be opened as a file, not even by root
    deleted, kept, advice = said(capsys, folder, "clear")
    assert deleted.startswith(f"deleted 1 file of {folder}, ")
    assert kept == "events-b00t-0001.jsonl was kept, because the folder cannot be locked (Is a directory)"
    assert advice == "stop the sidecar, if it is running, and delete the file yourself"
    assert names(folder) == ["events-b00t-0001.jsonl"]


def test_clearing_while_a_segment_is_compressed_leaves_no_copy_of_it(running: Path) -> None:
    segment = running / "events-a-0002.jsonl"
    write_segment(segment, [header("a")])

    class ClearedMeanwhile(threading.Event):
        def wait(self, _: float | None = None) -> bool:
            segment.unlink()
            return False

    with pytest.raises(FileNotFoundError):
        compress(segment, ClearedMeanwhile())
    assert names(running) == ["events-a-0001.jsonl.gz", "events-b00t-0001.jsonl"]


def test_clearing_deletes_a_segment_that_is_compressed_before_its_turn(
    running: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = running / "events-a-0002.jsonl"
    write_segment(segment, [header("a")])
    delete = clear_log._delete

    def compress_before(paths: list[Path]) -> tuple[int, int]:
        if segment.exists():
            compress(segment, threading.Event())
        return delete(paths)

    monkeypatch.setattr(clear_log, "_delete", compress_before)
    assert clear_log.clear(running).files == 2
    assert names(running) == ["events-b00t-0001.jsonl"]


def test_clearing_creates_no_files_if_there_is_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, tmp_path, "clear")[0] == f"deleted 0 files of {tmp_path}, 0 bytes"
    assert list(tmp_path.iterdir()) == []


# --- schema --------------------------------------------------------------------------------------------------------


def test_real_lines_match_the_printed_schema(capsys: pytest.CaptureFixture[str]) -> None:
    import jsonschema

    assert main(["log", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    validator = jsonschema.Draft202012Validator(schema)
    lines = [json.loads(text) for path in RECORDED.glob("*/*.jsonl") for text in path.read_text().splitlines()]
    assert len(lines) > 800
    for line in lines:
        validator.validate(line)
    assert set().union(*lines) == set(schema["$defs"]["Line"]["properties"])
    assert not validator.is_valid({**lines[0], "seq": "1"})
    assert not validator.is_valid({"seq": 1, "ts": 1.0, "type": "server.stopped"})


# --- export --------------------------------------------------------------------------------------------------------


def test_a_copy_contains_all_complete_lines_and_is_private(folder: Path, tmp_path: Path, capsys: Any) -> None:
    with (folder / "events-b00t-0001.jsonl").open("a") as file:
        file.write('{"v":1,"torn')
    copy = tmp_path / "copy.jsonl"
    said(capsys, folder, "export", str(copy))
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.read_text().splitlines() == [header("a"), record(2, 1, "server.stopped"), *TWO_PEERS]


def test_a_copy_is_compressed_if_its_name_ends_in_gz(folder: Path, tmp_path: Path, capsys: Any) -> None:
    said(capsys, folder, "export", str(tmp_path / "copy.jsonl.gz"))
    assert gzip.decompress((tmp_path / "copy.jsonl.gz").read_bytes()).count(b"\n") == len(TWO_PEERS) + 2


def test_a_copy_can_go_to_stdout(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(said(capsys, folder, "export", "-")) == len(TWO_PEERS) + 2
    assert "Ann" not in "".join(said(capsys, folder, "export", "-", "--redact"))


def test_no_existing_file_is_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segment = folder / "events-b00t-0001.jsonl"
    before = segment.read_bytes()
    assert "cannot be written: File exists" in refused(capsys, folder, "export", str(segment))
    assert segment.read_bytes() == before
    assert "cannot be written" in refused(capsys, folder, "export", str(folder / "no" / "folder"))


def test_a_failed_copy_leaves_no_file_behind(folder: Path, tmp_path: Path, capsys: Any) -> None:
    copy, damaged = tmp_path / "copy.jsonl", tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "events-c-0001.jsonl").write_text("no record\n")
    assert "events-c-0001.jsonl, line 1 is not a record" in refused(capsys, damaged, "export", str(copy), "--redact")
    assert "the event log has no record of a room 'x'" in refused(
        capsys, RECORDED / "three-peers", "export", str(copy), "--room", "x"
    )
    assert not copy.exists()


def test_a_copy_of_one_room_contains_all_records_about_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = [{"dialect": "rooms", "room": room, "sessions": []} for room in ("bar", "club")]
    club = {"dialect": "rooms", "room": "club", "peer": "cleo", "session": "s-cleo", "connection": 9}
    more = [
        record(1, 20, "log.checkpoint", data={"rooms": there, "waiting": [{"peer": "dan"}]}),
        record(2, 21, "connection.opened", dialect="rooms", connection=9, data={"remote": "127.0.0.1"}),
        record(3, 22, "peer.joined", **club),
        record(4, 23, "group.waiting", dialect="match", peer="dan"),
        record(5, 24, "peer.left", **club),
    ]
    write_segment(folder / "events-c-0001.jsonl", [header("c"), *more])
    copy = [json.loads(line) for line in said(capsys, folder, "export", "-", "--room", "bar")]
    assert [line["type"] for line in copy[:2]] == ["log.header", "server.stopped"]
    assert copy[3] == json.loads(TWO_PEERS[1])  # the connection of Ann
    assert [line["type"] for line in copy[-3:]] == ["log.header", "log.checkpoint", "log.exported"]
    assert json.loads(copy[-2]["data"]) == {"rooms": there[:1], "waiting": []}
    assert copy[-1]["ts"] == T0_S + 24
    assert "cleo" not in str(copy)


def test_the_diagnosis_of_a_room_is_the_same_from_its_copy_and_from_the_whole_log(tmp_path: Path, capsys: Any) -> None:
    log = next((RECORDED / "seven-faults").glob("*.jsonl"))
    for verdict in diagnose(read_entries([log])).verdicts:
        copy = tmp_path / f"{verdict.meeting.room}.jsonl"
        said(capsys, log.parent, "export", str(copy), "--redact", "--room", str(verdict.meeting.room))
        (found,) = diagnose(read_entries([copy])).verdicts
        assert found.finding.reason == verdict.finding.reason


@pytest.mark.parametrize("flags", [[], ["--redact"], ["--room", "bar"]])
def test_the_copy_of_a_running_sidecars_log_says_how_long_a_peer_has_waited(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    Story(tmp_path).joins("ben", "Ben").describes("ben", "offer").write()
    monkeypatch.setattr(log_export, "is_running", lambda folder: True)
    monkeypatch.setattr(time, "time", lambda: T0_S + 600)
    copy = tmp_path / "copy" / "copy.jsonl"
    copy.parent.mkdir()
    said(capsys, tmp_path, "export", str(copy), *flags)
    [verdict] = diagnose(read_entries([copy])).verdicts
    assert verdict.finding.reason is Reason.OFFER_UNANSWERED


@pytest.mark.parametrize("is_joined", [False, True], ids=["in one folder", "joined into one file"])
def test_copies_of_a_log_that_grows_are_read_as_one_log(
    folder: Path, tmp_path: Path, capsys: Any, is_joined: bool
) -> None:
    copies = [tmp_path / "copies" / f"{number}.jsonl" for number in range(2)]
    copies[0].parent.mkdir()
    for copy, records in zip(copies, (6, len(TWO_PEERS)), strict=True):
        write_segment(folder / "events-b00t-0001.jsonl", TWO_PEERS[:records])
        said(capsys, folder, "export", str(copy), "--room", "bar")
    assert kinds_in(together(copies, is_joined)) == ["offer", "answer", "candidate", "broadcast", "candidate"]


@pytest.mark.parametrize("is_joined", [False, True], ids=["in one folder", "joined into one file"])
def test_copies_of_several_rooms_of_a_log_are_read_as_one_log(
    folder: Path, tmp_path: Path, capsys: Any, is_joined: bool
) -> None:
    club = {"dialect": "rooms", "room": "club", "peer": "cleo", "session": "s-cleo", "connection": 9}
    hello = record(7, 2.6, "signal.relayed", **club, kind="broadcast", data={"type": "broadcast"})
    write_segment(folder / "events-b00t-0001.jsonl", [*TWO_PEERS[:6], hello, *TWO_PEERS[7:]])
    copies = [tmp_path / "copies" / f"{room}.jsonl" for room in ("bar", "club")]
    copies[0].parent.mkdir()
    for copy in copies:
        said(capsys, folder, "export", str(copy), "--room", copy.stem)
    assert kinds_in(together(copies, is_joined)) == ["offer", "broadcast", "candidate", "broadcast", "candidate"]


def together(copies: list[Path], is_joined: bool) -> Path:
    """Return the path at which a command or a notebook finds all copies."""
    if not is_joined:
        return copies[0].parent
    joined = copies[0].parent / "joined"
    joined.write_bytes(b"".join(copy.read_bytes() for copy in copies))
    return joined


def kinds_in(path: Path) -> list[str]:
    """Return the kinds of the frames in a log, for which a command and a notebook must agree."""
    kinds = [entry.kind for entry in read_entries(find_segments(path).segments) if entry.kind is not None]
    assert list(open_log(path).events["kind"].dropna()) == kinds
    return kinds


def test_a_copy_of_one_room_contains_the_reports_of_its_pages_on_another_web_socket(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the option `trace: true`, each page reports its connections on a WebSocket that joins no room."""
    story = Story(tmp_path).negotiates()
    for page, connection, own, other in (("of-ben", 7, "BENu", "ANNu"), ("of-eve", 8, "EVEu", "DANu")):
        opened = {"dialect": None, "room": None, "connection": connection}
        story.record("connection.opened", **opened)
        elsewhere(story, page, connection, event="page", pc=None, title=page)
        elsewhere(story, page, connection, localUfrag=own, remoteUfrag=other, **CONNECTED)
    elsewhere(story, "of-ben", 7, pc="to-eve", localUfrag="BEN2", remoteUfrag="EVEu", **CONNECTED)
    story.write()
    copy = tmp_path / "copy"
    copy.mkdir()
    said(capsys, tmp_path, "export", str(copy / "bar.jsonl"), "--room", "bar")
    assert "✓ Ann and Ben: connected" in str(diagnose(read_entries([copy / "bar.jsonl"])))
    records = [json.loads(line) for line in (copy / "bar.jsonl").read_text().splitlines()]
    reports = [json.loads(each["data"]) for each in records if each["type"] == "trace.state"]
    assert [(each["page"], each.get("pc")) for each in reports] == [("of-ben", None), ("of-ben", "pc-of-ben")]
    assert [each["connection"] for each in records if each["type"] == "connection.opened"] == [7]


def test_the_table_of_records_can_be_written_as_parquet(folder: Path, tmp_path: Path, capsys: Any) -> None:
    pandas = pytest.importorskip("pandas")
    for number, flags in enumerate(([], ["--redact"])):
        file = tmp_path / f"{number}.parquet"
        said(capsys, folder, "export", str(file), "--parquet", *flags)
        assert file.stat().st_mode & 0o777 == 0o600
        table = pandas.read_parquet(file)
        assert len(table) == len(TWO_PEERS) + 2
        assert ("ann" in set(table["peer"].dropna())) is (not flags)
        assert table["boot"].nunique() == 2


def test_parquet_without_its_extra_names_the_extra(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "signaling_sidecar.inspection", None)
    error = refused(capsys, folder, "export", str(tmp_path / "x.parquet"), "--parquet")
    assert "pip install 'signaling-sidecar[notebook]'" in error
    assert not (tmp_path / "x.parquet").exists()
