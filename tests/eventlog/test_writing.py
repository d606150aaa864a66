"""How the event log is written: with private files, complete lines, segments, and a limited size."""

from __future__ import annotations

import errno
import fcntl
import gzip
import json
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.cli import main
from signaling_sidecar.errors import StateDirTaken, StateDirUnusable
from signaling_sidecar.eventlog import LogWriter, log_files, retention, state_dir
from signaling_sidecar.eventlog.boot_ids import new_boot_id
from signaling_sidecar.eventlog.previous_run import newest_run
from signaling_sidecar.eventlog.state_dir import Runtime
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.server.held_state_dir import HeldStateDir
from tests.eventlog.file_faults import FAULTS

OFFER = b'{"type":"offer","to":"b","sdp":"v=0\\r\\na=ice-ufrag:abcd\\r\\na=ice-pwd:secretsecretsecretsecret\\r\\n"}'


class Log:
    """A log writer, and the sentences that it has reported."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder, self.complaints = folder, list[str]()
        defaults: dict[str, Any] = {"payloads": "full", "segment_bytes": 2000, "total_bytes": 10_000, "keep_s": 0}
        self.writer = LogWriter(
            folder,
            "b00t",
            header={"version": "0"},
            checkpoint=lambda: {"rooms": []},
            complain=self.complaints.append,
            **(defaults | settings),
        )

    def write(self, *records: Record) -> None:
        for record in records:
            self.writer.append(record)
        self.writer.flush()

    def wait_until_tidy(self) -> None:
        self.writer._retention._thread.submit(int).result()

    def lines(self) -> list[dict[str, Any]]:
        found = []
        for path in sorted(self.folder.glob("events-*")):
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            found += [json.loads(line) for line in text.splitlines()]
        return found


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compress finished segments at once. In production, the writer first waits for a second without a new segment."""
    monkeypatch.setattr(retention, "SETTLE_S", 0.0)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path)
    log.writer.open()
    yield log
    log.writer.close()


def test_no_record_is_older_than_the_one_before_it_if_the_clock_is_set_back(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon_s = round(time.time()) + 60
    for clock_s in (0, 10, -3600, 9, 20):
        monkeypatch.setattr(time, "time", lambda now_s=soon_s + clock_s: now_s)
        log.write(Record("room.created"))
    recorded = [line["ts"] - soon_s for line in log.lines() if line["type"] == "room.created"]
    assert recorded == [0, 10, 10, 10, 20]


def test_a_flush_is_in_the_file_before_it_returns(log: Log) -> None:
    log.write(Record("peer.joined", "rooms", "bar", "a", data={"x": 1}))
    line = log.lines()[-1]
    assert (line["v"], line["seq"], line["type"], line["room"]) == (1, 3, "peer.joined", "bar")
    assert json.loads(line["data"]) == {"x": 1}
    assert abs(line["ts"] - time.time()) < 60


def test_a_segment_begins_with_a_header_and_a_checkpoint_and_ends_at_a_lines_end(tmp_path: Path) -> None:
    log = Log(tmp_path, total_bytes=1_000_000)
    log.writer.open()
    for _ in range(100):
        log.write(Record("signal.relayed", "rooms", "bar", "a", data=OFFER))
    log.wait_until_tidy()
    log.writer.close()
    segments = sorted(log.folder.glob("events-*"))
    assert len(segments) > 3
    assert {path.suffix for path in segments[:-1]} == {".gz"}
    seqs = [line["seq"] for line in log.lines()]
    assert seqs == list(range(1, len(seqs) + 1))
    for path in segments:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        first, second, *_ = text.splitlines()
        assert (json.loads(first)["type"], json.loads(second)["type"]) == ("log.header", "log.checkpoint")
        assert text.endswith(b"\n")


def test_the_segments_of_a_run_are_found_in_their_order_after_ten_thousand_of_them(tmp_path: Path) -> None:
    log = Log(tmp_path, segment_bytes=1, total_bytes=1_000_000)
    log.writer._number = 9997
    log.writer.open()
    log.write(*[Record("room.created")] * 2)
    for _ in range(4):
        log.write(*[Record("room.ended")] * 9)
    log.writer.close()
    segments = newest_run(tmp_path)
    assert len(segments) > 3
    assert segments[-1] == log.writer.path
    assert [line["seq"] for line in log.lines()] == list(range(1, log.writer.seq + 1))


def test_a_smaller_segment_size_applies_to_the_open_segment(tmp_path: Path) -> None:
    log = Log(tmp_path, segment_bytes=1_000_000)
    log.writer.open()
    log.write(*[Record("room.created")] * 20)
    first, log.writer.segment_bytes = log.writer.path, 1000
    log.write(Record("room.ended"))
    assert log.writer.path != first
    log.writer.close()


def test_a_checkpoint_that_is_larger_than_a_segment_is_not_written_again_with_every_record(tmp_path: Path) -> None:
    log = Log(tmp_path, segment_bytes=2000, total_bytes=1_000_000)
    log.writer._checkpoint = lambda: {"rooms": ["x" * 10_000]}  # type: ignore[assignment, return-value]
    log.writer.open()
    records = 200
    for _ in range(records):
        log.write(Record("signal.relayed", "rooms", "bar", "a", data=OFFER))
    log.writer.close()
    types = [line["type"] for line in log.lines()]
    assert types.count("signal.relayed") == records
    written_bytes = sum(map(len, map(json.dumps, log.lines())))
    assert 1 < types.count("log.checkpoint") < written_bytes / 10_000 / 2 + 1  # checkpoints are at most half of the log


def test_the_oldest_segments_are_deleted_if_the_log_is_too_large(tmp_path: Path) -> None:
    for age_s in (300, 200, 100):
        path = tmp_path / f"events-a-{1000 - age_s:04}.jsonl.gz"
        path.write_bytes(b"x" * 400)
        os.utime(path, (time.time() - age_s,) * 2)
    log = Log(tmp_path, total_bytes=900, keep_s=150)
    log.writer.open()
    log.wait_until_tidy()
    log.writer.close()
    left = sorted(path.name for path in tmp_path.glob("events-a-*"))
    assert left == ["events-a-0800.jsonl.gz", "events-a-0900.jsonl.gz"]
    log = Log(tmp_path, total_bytes=0, keep_s=150)
    log.writer._boot = "later"
    log.writer.open()
    log.wait_until_tidy()
    log.writer.close()
    assert [path.name for path in tmp_path.glob("events-a-*")] == ["events-a-0900.jsonl.gz"]  # younger than keep_s


def test_old_segments_are_deleted_before_another_begins_when_the_limit_was_lowered_or_their_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "TIDY_EVERY_S", 0.0)
    old = tmp_path / "events-a-0001.jsonl.gz"
    old.write_bytes(b"x" * 400)
    log = Log(tmp_path, total_bytes=400, keep_s=60)
    log.writer.open()
    for total_bytes, keep_s, is_kept in ((400, 0, True), (0, 60, True), (0, 0, False)):
        log.writer.total_bytes, log.writer.keep_s = total_bytes, keep_s
        log.writer.look_after()
        log.wait_until_tidy()
        assert old.exists() is is_kept
    assert len(list(tmp_path.glob("events-*"))) == 1
    log.writer.close()


def test_segments_are_deleted_in_the_order_of_their_names_even_if_the_clock_was_wrong(tmp_path: Path) -> None:
    for boot, age_s in (("6f00", -365 * 86_400), ("r0000001-a", -365 * 86_400), ("r0000002-b", 100)):
        path = tmp_path / f"events-{boot}-0001.jsonl.gz"
        path.write_bytes(b"x" * 400)
        os.utime(path, (time.time() - age_s,) * 2)
    log = Log(tmp_path, total_bytes=500, keep_s=50)
    log.writer._boot = new_boot_id(tmp_path)
    log.writer.open()
    log.wait_until_tidy()
    log.writer.close()
    left = sorted(path.name for path in tmp_path.glob("events-*"))
    assert left[0] == "events-r0000002-b-0001.jsonl.gz"
    assert left[1].startswith("events-r0000003-")


@pytest.mark.parametrize("payloads", ["full", "summary", "none"])
def test_the_setting_payloads_decides_what_is_recorded_of_a_signal(tmp_path: Path, payloads: str) -> None:
    log = Log(tmp_path, payloads=payloads)
    log.writer.open()
    log.write(Record("signal.relayed", "rooms", "bar", "a", data=OFFER, size=len(OFFER)))
    log.writer.close()
    line = log.lines()[-1]
    assert line["bytes"] == len(OFFER)
    assert ("secretsecret" in json.dumps(line)) is (payloads == "full")
    if payloads == "full":
        assert line["data"].encode() == OFFER
    elif payloads == "summary":
        assert json.loads(line["data"])["ufrag"] == "abcd"
    else:
        assert "data" not in line


def test_a_disk_error_is_reported_once_and_leaves_no_incomplete_line(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    write, full = os.write, [True]

    def write_half(descriptor: int, data: bytes) -> int:
        if not full[0]:
            return write(descriptor, data)
        if len(data) > 20:
            return write(descriptor, data[:20])
        raise OSError(28, "No space left on device")

    log.write(Record("peer.joined"))
    first, before = log.writer.path, log.writer.path.read_bytes()
    monkeypatch.setattr(os, "write", write_half)
    log.write(Record("peer.away", data={"x": "y" * 40}), Record("peer.away"))
    assert not log.writer.is_written
    log.writer.look_after()
    log.write(Record("peer.resumed", data={"x": "y" * 40}))
    assert [path.name for path in log.folder.iterdir()] == [first.name]
    full[0] = False
    log.writer._retry_s = 0
    log.writer.look_after()
    assert log.writer.is_written
    log.write(Record("peer.left"))
    log.wait_until_tidy()
    assert first.with_name(first.name + ".gz").exists()
    assert gzip.decompress(first.with_name(first.name + ".gz").read_bytes()) == before
    types = [line["type"] for line in log.lines()]
    assert types[2:] == ["peer.joined", "log.header", "log.checkpoint", "log.gap", "peer.left"]
    assert json.loads(log.lines()[5]["data"]) == {"lost": 3}
    assert len(log.complaints) == 2
    assert "No space left" in log.complaints[0]


def test_a_disk_that_is_full_again_is_not_reported_repeatedly(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    for _ in range(240):  # two minutes
        monkeypatch.setattr(os, "ftruncate", lambda *_: None)
        os.close(log.writer._open.descriptor)
        log.writer._open.descriptor = os.open("/dev/full", os.O_WRONLY)
        if log.writer.is_written:
            log.write(Record("peer.joined"))
        now_s += 0.5
        log.writer.look_after()
    told = [sentence for sentence in log.complaints if "cannot be written" in sentence]
    assert 3 <= len(told) <= 10


# --- somebody else in the folder -------------------------------------------------------------------------------------


@pytest.mark.parametrize("writes", [True, False], ids=["at the next write", "without a write"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_deleted_or_changed_segment_is_followed_by_a_new_one(
    tmp_path: Path, fault: Callable[[Path], object], writes: bool
) -> None:
    somebody_elses = tmp_path / "somebody-elses"
    somebody_elses.write_text("not ours\n")
    folder = tmp_path / "state"
    folder.mkdir()
    log = Log(folder, claim=lambda: folder.mkdir(exist_ok=True))
    log.writer.open()
    log.write(Record("peer.joined"))
    first = log.writer.path
    fault(first)
    left = first.read_bytes() if first.is_file() else b""
    if writes:
        log.write(Record("peer.away"))
    else:
        log.writer.look_after()
    log.write(Record("peer.left"))
    log.writer.close()
    assert log.writer.path != first
    lines = [json.loads(line) for line in log.writer.path.read_bytes().splitlines()]
    later = ["peer.away", "peer.left"] if writes else ["peer.left"]
    assert [line["type"] for line in lines] == ["log.header", "log.checkpoint", *later]
    assert not writes or lines[2]["seq"] < lines[1]["seq"] < lines[3]["seq"]
    assert somebody_elses.read_text() == "not ours\n"
    assert not first.is_file() or first.read_bytes() == left
    assert len(log.complaints) == 1


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    log = Log(folder)
    log.writer.open()
    folder.rename(tmp_path / "moved")
    folder.symlink_to(elsewhere)
    log.write(Record("peer.joined"))
    for _ in range(3):
        log.writer._retry_s = 0
        log.writer.look_after()
    assert list(elsewhere.iterdir()) == []
    assert not log.writer.is_written
    assert len(log.complaints) == 1
    folder.unlink()
    folder.mkdir()
    log.writer._retry_s = 0
    log.writer.look_after()
    log.write(Record("peer.left"))
    log.writer.close()
    assert [line["type"] for line in log.lines()] == ["log.header", "log.checkpoint", "log.gap", "peer.left"]
    assert len(log.complaints) == 2


def test_compression_ignores_symbolic_links(tmp_path: Path) -> None:
    somebody_elses = tmp_path / "somebody-elses"
    somebody_elses.write_text("not ours\n")
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "events-a-0001.jsonl").symlink_to(somebody_elses)
    (folder / "events-a-0002.jsonl").write_text("{}\n")
    (folder / "events-a-0002.jsonl.gz.new").symlink_to(somebody_elses)
    log = Log(folder)
    log.writer.open()
    log.wait_until_tidy()
    log.writer.close()
    assert somebody_elses.read_text() == "not ours\n"
    assert not (folder / "events-a-0001.jsonl.gz").exists()


def test_the_state_folder_and_its_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "state"
    folder.mkdir(parents=True, mode=0o755)
    state_dir.create(folder)
    os.close(state_dir.lock(folder))
    state_dir.write_runtime(folder, Runtime("http://127.0.0.1:1", 1, "b", "0", "/p", "token"))
    log = Log(folder)
    log.writer.open()
    log.write(*[Record("signal.relayed", data=OFFER)] * 30)
    log.writer.close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_state_folder_belongs_to_one_sidecar(tmp_path: Path) -> None:
    held = state_dir.lock(tmp_path)
    with pytest.raises(StateDirTaken, match="another sidecar is running"):
        state_dir.lock(tmp_path)
    os.close(held)
    os.close(state_dir.lock(tmp_path))


def test_a_folder_that_cannot_be_locked_is_not_said_to_belong_to_another_sidecar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder on NFS cannot be locked if the lock daemon of NFS does not run."""

    def fail(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(StateDirUnusable, match="No locks available"), HeldStateDir(tmp_path).held():
        pass
    (tmp_path / "events-b00t-0001.jsonl").write_text("old")
    (tmp_path / "events-b00t-0002.jsonl").write_text("new")
    assert main(["log", "clear", "--state-dir", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.glob("events-*")] == ["events-b00t-0002.jsonl"], "a sidecar may be running"


def test_if_a_file_belongs_to_another_user_that_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a sidecar that was started with sudo belong to root."""
    segment = tmp_path / "events-b00t-0001.jsonl"
    segment.touch()
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(segment / "missing"))
    with pytest.raises(StateDirUnusable, match="cannot be used \\(Permission denied\\): "), state_dir.used(tmp_path):
        raise denied
    owner = os.getuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    said = f"'{segment}' belongs to the user '{segment.owner()}'"
    with pytest.raises(StateDirUnusable, match=re.escape(said)), state_dir.used(tmp_path):
        raise denied


def test_a_missing_or_damaged_runtime_file_is_ignored(tmp_path: Path) -> None:
    assert state_dir.read_runtime(tmp_path) is None
    (tmp_path / "runtime.json").write_text('{"url": 5}')
    assert state_dir.read_runtime(tmp_path) is None
    state_dir.write_runtime(tmp_path, Runtime("u", 1, "b", "v", "p", "token"))
    assert state_dir.read_runtime(tmp_path) == Runtime("u", 1, "b", "v", "p", "token")
    state_dir.remove_runtime(tmp_path)
    state_dir.remove_runtime(tmp_path)


def test_segments_of_a_killed_sidecar_are_compressed_by_the_next(tmp_path: Path) -> None:
    killed = Log(tmp_path)
    killed.writer._boot = "a-killed-one"
    killed.writer.open()
    killed.write(Record("peer.joined"))
    before = killed.lines()
    log = Log(tmp_path)
    log.writer.open()
    log.wait_until_tidy()
    log.writer.close()
    killed.writer.close()
    assert sorted(path.suffix for path in tmp_path.glob("events-*")) == [".gz", ".jsonl"]
    assert log.lines()[: len(before)] == before


def test_segments_are_not_compressed_while_others_follow_and_the_log_keeps_its_limit_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SETTLE_S", 3600)
    log = Log(tmp_path, total_bytes=5000)
    step = threading.Barrier(2, timeout=30)

    def wait(seconds: float) -> bool:
        if seconds == 3600:
            step.wait()  # the thread waits for a time in which no segment begins
            step.wait()
        return False

    monkeypatch.setattr(log.writer._retention._stopping, "wait", wait)
    log.writer.open()
    step.wait()
    for _ in range(100):
        log.write(Record("signal.relayed", data=OFFER))
    step.wait()
    step.wait()  # segments have begun in the meantime, so the thread waits again
    finished = sorted(tmp_path.glob("events-*"))[:-1]
    assert {path.suffix for path in finished} == {".jsonl"}
    assert 2000 < sum(path.stat().st_size for path in finished) <= 5000
    step.wait()
    log.wait_until_tidy()
    assert {path.suffix for path in sorted(tmp_path.glob("events-*"))[:-1]} == {".gz"}
    log.writer.close()


def test_stopping_does_not_wait_for_the_compression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PAUSE_S", 3600)
    log = Log(tmp_path)
    log.writer.open()
    for _ in range(30):
        log.write(Record("signal.relayed", data=OFFER))
    log.writer.close()
    assert {path.suffix for path in tmp_path.iterdir()} == {".jsonl"}
