"""Each instance of a cluster writes a copy of the event log, and continues if the files cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.eventlog.previous_run import cut_torn_line, newest_run
from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.hub import checkpoint
from signaling_sidecar.inspection import open_log
from signaling_sidecar.server.previous_run import restore_previous_run
from tests.eventlog.file_faults import FAULTS
from tests.kit.cluster_log import CLUSTER, COMMITTED, append_until, begin_at, bytes_of, copy_in
from tests.kit.full_disk import Disk
from tests.kit.run_of_all_records import NOW_S, RUN, new_hub

TYPES = [record["type"] for record in COMMITTED]


class Copy:
    """A copy of a log, and the sentences that it has reported."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder, self.complaints = folder, list[str]()
        self.log = copy_in(folder, "r0000007-abc", self.complaints.append, **options)

    def begin(self, seq: int) -> None:
        begin_at(self.log, seq)

    def append(self, seq: int) -> None:
        append_until(self.log, seq)

    def segments(self) -> list[Path]:
        return list(find_segments(self.folder).segments)

    def lines(self, number: int = -1) -> list[dict[str, Any]]:
        return [json.loads(line) for line in whole_lines(self.segments()[number]).splitlines()]


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    copy = Copy(tmp_path / "state")
    yield copy
    copy.log.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_the_lines_are_written_as_they_came(copy: Copy) -> None:
    told: list[bytes] = []
    copy.begin(0)
    copy.log.listeners.add(told.append)
    # An encoder would write other spaces, and another order of the fields.
    batches = [b'{"ts": 1.0,  "seq":1,"v":1, "type":"a.b"}\n{"v":1,"seq":2,"ts":1.50,"type":"a.c"}\n', b"third\n"]
    for batch, seq in zip(batches, (2, 3), strict=True):
        copy.log.append(batch, seq)
    assert copy.log.path.read_bytes().split(b"\n", 2)[2] == b"".join(batches)
    assert told == batches
    assert copy.log.seq == 3


def test_a_batch_is_written_by_one_call_of_the_system(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    copy.begin(0)
    write, calls = os.write, list[int]()
    monkeypatch.setattr(os, "write", lambda descriptor, data: calls.append(len(data)) or write(descriptor, data))
    copy.append(9)
    assert calls == [len(bytes_of(COMMITTED[:9]))]


def test_the_header_and_the_checkpoint_have_the_number_of_the_record_before_them(copy: Copy) -> None:
    copy.begin(4)
    copy.append(6)
    header, checkpoint, *records = copy.lines()
    assert (header["type"], header["seq"], header["ts"]) == ("log.header", 4, COMMITTED[3]["ts"])
    assert json.loads(header["data"]) == {"boot": CLUSTER, "copy": True, "segment": 1, "version": "0"}
    assert (checkpoint["type"], checkpoint["seq"], checkpoint["ts"]) == ("log.checkpoint", 4, COMMITTED[3]["ts"])
    assert [each["peer"] for each in json.loads(checkpoint["data"])["rooms"][0]["sessions"]] == ["ann", "ben"]
    assert records == COMMITTED[4:6]


def test_a_file_that_is_too_large_is_continued_in_a_new_one_at_the_next_checkpoint(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "state", segment_bytes=1000)
    copy.begin(0)
    assert not copy.log.wants_checkpoint
    copy.begin(0)
    assert len(copy.segments()) == 1  # no new segment, because the first one is still small
    copy.append(9)
    assert copy.log.wants_checkpoint
    copy.append(10)
    assert len(copy.segments()) == 1
    copy.begin(10)
    assert not copy.log.wants_checkpoint
    copy.append(12)
    copy.log.close()
    assert [each["seq"] for each in copy.lines()] == [10, 10, 11, 12]
    assert json.loads(copy.lines()[0]["data"])["segment"] == 2


def test_records_and_checkpoints_of_earlier_places_are_ignored(copy: Copy) -> None:
    copy.begin(0)
    copy.append(6)
    before = copy.log.path.read_bytes()
    copy.begin(3)  # after an outage, the caller may read from an earlier checkpoint again
    copy.log.append(bytes_of(COMMITTED[3:6]), 6)
    assert (copy.log.path.read_bytes(), copy.log.seq, copy.log.is_written) == (before, 6, True)


def test_records_that_the_caller_could_not_get_are_a_gap(copy: Copy) -> None:
    copy.begin(0)
    copy.append(3)
    copy.begin(9)
    assert copy.log.lost == 6
    assert [(each["type"], each["seq"]) for each in copy.lines()] == [
        ("log.header", 9), ("log.checkpoint", 9), ("log.gap", 4),
    ]  # fmt: skip
    assert [sentence.split(" (")[0].split(", in ")[0] for sentence in copy.complaints] == [
        "the event log cannot be written", "the event log is written again",
    ]  # fmt: skip


def test_another_run_of_the_cluster_begins_a_segment_and_counts_from_its_own_beginning(copy: Copy) -> None:
    copy.begin(0)
    copy.append(6)
    copy.log.cluster_boot = "r0000001-empty"
    copy.begin(0)
    copy.append(2)
    assert [json.loads(copy.lines(number)[0]["data"])["boot"] for number in (0, 1)] == [CLUSTER, "r0000001-empty"]
    assert [each["seq"] for each in copy.lines()] == [0, 0, 1, 2]
    assert (copy.log.lost, copy.complaints) == (0, [])


def test_without_a_first_checkpoint_nothing_can_be_written_but_the_log_can_be_closed(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "state")
    with pytest.raises(AssertionError):
        copy.log.append(bytes_of(COMMITTED[:1]), 1)
    copy.log.look_after()
    assert not copy.log.wants_checkpoint
    copy.log.close()
    assert list(copy.folder.iterdir()) == []


def test_the_first_checkpoint_raises_an_error_if_the_disk_is_full_and_can_be_given_again(
    copy: Copy, disk: Disk
) -> None:
    disk.is_full = True
    with pytest.raises(OSError, match="No space left"):
        copy.begin(2)
    disk.is_full = False
    copy.begin(2)
    assert [each["type"] for each in copy.lines()] == ["log.header", "log.checkpoint"]


# --- files that fail --------------------------------------------------------------------------------------------------


def test_what_a_full_disk_refuses_is_lost_until_the_next_checkpoint(copy: Copy, disk: Disk) -> None:
    copy.begin(0)
    copy.append(3)
    before = copy.log.path.read_bytes()
    disk.is_full = True
    copy.append(5)
    assert (copy.log.is_written, copy.log.lost) == (False, 2)
    disk.is_full = False
    copy.append(6)
    copy.log.look_after()
    assert copy.log.path.read_bytes() == before  # the copy waits for a checkpoint, which begins a new segment
    assert copy.log.wants_checkpoint
    copy.begin(6)
    copy.append(8)
    assert copy.log.is_written
    assert [(each["type"], each["seq"]) for each in copy.lines()] == [
        ("log.header", 6), ("log.checkpoint", 6), ("log.gap", 4), (TYPES[6], 7), (TYPES[7], 8),
    ]  # fmt: skip
    assert json.loads(copy.lines()[2]["data"]) == {"lost": 3}
    assert copy.log.lost == 3
    assert len(copy.complaints) == 2
    assert "No space left" in copy.complaints[0]
    assert copy.complaints[1].endswith("3 records were lost")


def test_nothing_is_lost_if_the_caller_has_all_lines_since_an_earlier_checkpoint(copy: Copy, disk: Disk) -> None:
    told: list[bytes] = []
    copy.begin(0)
    copy.log.listeners.add(told.append)
    copy.append(3)
    disk.is_full = True
    copy.append(5)
    assert copy.log.may_resume
    copy.begin(2)  # fails, too
    assert (copy.log.seq, copy.log.lost) == (5, 2)
    disk.is_full = False
    copy.log._retry_s = 0.0
    copy.begin(2)
    for seq in (3, 5, 6):
        copy.append(seq)
    assert not copy.log.may_resume
    assert [(each["type"], each["seq"]) for each in copy.lines()] == [
        ("log.header", 2), ("log.checkpoint", 2), *zip(TYPES[2:6], range(3, 7), strict=True),
    ]  # fmt: skip
    assert copy.log.lost == 0
    assert b"".join(told) == bytes_of(COMMITTED[:6])
    assert [each for each in open_log(copy.folder).events["type"] if each in TYPES] == TYPES[:6]


def test_records_that_were_lost_in_an_earlier_run_of_the_cluster_take_the_place_of_no_later_record(
    copy: Copy, disk: Disk
) -> None:
    copy.begin(0)
    disk.is_full = True
    copy.append(5)
    disk.is_full = False
    copy.log.cluster_boot = "r0000001-empty"
    copy.begin(0)
    copy.append(1)
    assert [(each["type"], each["seq"]) for each in copy.lines()] == [
        ("log.header", 0), ("log.checkpoint", 0), ("log.gap", 0), (TYPES[0], 1),
    ]  # fmt: skip
    assert open_log(copy.folder).events["type"].tolist().count(TYPES[0]) == 1


def test_while_the_disk_is_full_a_checkpoint_is_wanted_less_and_less_often(
    copy: Copy, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, wanted_s = 1000.0, list[float]()
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    copy.begin(0)
    disk.is_full = True
    copy.append(1)
    while now_s < 1120.0:
        if copy.log.wants_checkpoint:
            wanted_s.append(now_s - 1000)
            copy.begin(1)
        now_s += 0.5
    assert wanted_s == [0, 1, 3, 7, 15, 31, 61, 91]
    assert len(copy.complaints) == 1
    assert len(copy.segments()) == 1


@pytest.mark.parametrize("writes", [True, False], ids=["at the next write", "without a write"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_deleted_or_changed_file_is_followed_by_a_new_one_at_the_next_checkpoint(
    tmp_path: Path, fault: Callable[[Path], object], writes: bool
) -> None:
    somebody_elses = tmp_path / "somebody-elses"
    somebody_elses.write_text("not ours\n")
    folder = tmp_path / "state"
    copy = Copy(folder, claim=lambda: folder.mkdir(exist_ok=True))
    copy.begin(0)
    copy.append(3)
    first = copy.log.path
    fault(first)
    left = first.read_bytes() if first.is_file() else b""
    if writes:
        copy.append(4)
    else:
        copy.log.look_after()
    assert not copy.log.is_written
    assert copy.log.wants_checkpoint
    copy.begin(copy.log.seq)
    copy.append(6)
    copy.log.close()
    assert copy.log.path != first
    gap = ["log.gap"] if writes else []
    assert [each["type"] for each in map(json.loads, copy.log.path.read_bytes().splitlines())] == [
        "log.header", "log.checkpoint", *gap, *TYPES[4 if writes else 3 : 6],
    ]  # fmt: skip
    assert copy.log.lost == len(gap)
    assert somebody_elses.read_text() == "not ours\n"
    assert not first.is_file() or first.read_bytes() == left
    assert f"another program has deleted or changed {first.name}" in copy.complaints[0]
    assert len(copy.complaints) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.kit.cluster_log import append_until, begin_at, copy_in, bytes_of, COMMITTED
log = copy_in(Path(sys.argv[1]), "r0000001-killed")
begin_at(log, 0)
append_until(log, 5)
os.write(log._open.descriptor, bytes_of(COMMITTED[5:6])[:40])  # the kernel took a part of the batch before the kill
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_line_that_was_torn_by_a_kill_is_cut_and_the_next_run_copies_it_again(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert cut_torn_line(newest_run(folder)) == 40
    copy = Copy(folder)
    copy.begin(4)  # the stream's last checkpoint is after record 4
    copy.append(6)
    copy.log.close()
    assert [[each["seq"] for each in copy.lines(number)] for number in (0, 1)] == [[0, 0, 1, 2, 3, 4, 5], [4, 4, 5, 6]]


@pytest.mark.parametrize("rotates", [False, True])
def test_the_state_in_a_copy_is_that_of_a_log_that_is_none(tmp_path: Path, rotates: bool) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    copy = Copy(tmp_path / "state", segment_bytes=0 if rotates else 1_000_000)
    segment = 0
    for line in map(json.loads, RUN):
        if line["type"] == "log.header":
            segment += rotates
        elif line["type"] == "log.checkpoint":
            copy.log.begin(line["data"].encode(), copy.log.seq, line["ts"])
        else:
            copy.log.append(bytes_of([line | {"seq": copy.log.seq + 1}]), copy.log.seq + 1)
        with (alone / f"events-r0000001-b-{segment:04}.jsonl").open("ab") as file:
            file.write(bytes_of([line]))
    copy.log.close()
    assert len(copy.segments()) == len(list(alone.iterdir())) == (2 if rotates else 1)
    for path in copy.segments():  # a sidecar restores nothing from a file that is marked as a copy
        path.write_text(path.read_text().replace('\\"copy\\":true', '\\"copy\\":false'))
    expected, restored = (
        checkpoint(restore_previous_run(folder, new_hub, NOW_S, pytest.fail)[0], NOW_S)
        for folder in (alone, copy.folder)
    )
    assert len(expected.rooms) > 5
    assert restored == expected
