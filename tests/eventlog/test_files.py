"""Log files can be read after an editor, PowerShell, a copy or a compression program has changed their encoding."""

from __future__ import annotations

import codecs
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.cli import main
from signaling_sidecar.errors import DamagedLog
from signaling_sidecar.eventlog.previous_run import newest_run
from signaling_sidecar.inspection import open_log
from tests.kit import too_deep
from tests.kit.inspection_log import BAR, TWO_PEERS, header, record, write_segment

TEXT = "".join(f"{line}\n" for line in TWO_PEERS)
SEGMENT = "events-b00t-0001.jsonl"
Capture = pytest.CaptureFixture[str]


def exported(folder: Path, capsys: Capture) -> list[Any]:
    capsys.readouterr()
    assert main(["log", "export", "-", "--state-dir", str(folder)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def verdicts(path: Path, capsys: Capture) -> str:
    assert main(["why", "--log", str(path)]) in (0, 1)
    return capsys.readouterr().out


@pytest.fixture
def as_written(tmp_path: Path, capsys: Capture) -> str:
    """The output of `sidecar why` for the unchanged log."""
    (tmp_path / "whole").mkdir()
    return verdicts(write_segment(tmp_path / "whole" / SEGMENT, TWO_PEERS), capsys)


FORMS: dict[str, Callable[[], bytes]] = {
    "byte order mark": lambda: codecs.BOM_UTF8 + TEXT.encode(),
    "Windows line ends": lambda: TEXT.replace("\n", "\r\n").encode(),
    "byte order mark and Windows line ends": lambda: codecs.BOM_UTF8 + TEXT.replace("\n", "\r\n").encode(),
    "blank lines": lambda: b"\n \n" + TEXT.replace("\n", "\n\n").encode() + b"\r\n\t\n",
    "UTF-16 of PowerShell": lambda: TEXT.replace("\n", "\r\n").encode("utf-16"),
    "UTF-16, big-endian": lambda: codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "no newline at the end": lambda: TEXT.rstrip("\n").encode(),
    "Windows, no newline at the end": lambda: codecs.BOM_UTF8 + TEXT.rstrip("\n").replace("\n", "\r\n").encode(),
    "packed, whatever it is called": lambda: gzip.compress(TEXT.encode()),
    "packed with a byte order mark": lambda: gzip.compress(codecs.BOM_UTF8 + TEXT.encode()),
    "packed in two members": lambda: gzip.compress(TEXT[:999].encode()) + gzip.compress(TEXT[999:].encode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_log_has_the_same_content_in_every_file_form(
    tmp_path: Path, form: str, as_written: str, capsys: Capture
) -> None:
    file = tmp_path / SEGMENT
    file.write_bytes(FORMS[form]())
    assert verdicts(file, capsys) == as_written
    log = open_log(file)
    assert (len(log.events), log.left_out) == (16, "")
    assert exported(tmp_path, capsys) == [json.loads(line) for line in TWO_PEERS]
    assert main(["tail", "--no-follow", "-n", "99", "--state-dir", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 16
    assert main(["log", "--state-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("1 segment of 1 boot, ")


COPIES = {
    "events-b00t-0001 (1).jsonl": TEXT.encode(),
    "events-b00t-0001 - Copy.jsonl": TEXT.encode(),
    "Copy of events-b00t-0001.jsonl": TEXT.encode(),
    "events-b00t-0001 copy.jsonl": TEXT.replace("\n", "\r\n").encode(),
    "events-b00t-0001.jsonl.gz": gzip.compress(TEXT.encode()),
    "events-b00t-0001 (2).jsonl.gz": gzip.compress(TEXT.encode()),
    "the first half.jsonl": TEXT[: len(TEXT) // 2].encode(),
    "an export.jsonl": TEXT.encode() + (record(17, 99, "server.stopped") + "\n").encode(),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_record_in_several_files_counts_once(tmp_path: Path, copy: str, as_written: str, capsys: Capture) -> None:
    folder = tmp_path / "copied"
    folder.mkdir()
    write_segment(folder / SEGMENT, TWO_PEERS)
    (folder / copy).write_bytes(COPIES[copy])
    records = 17 if copy.startswith("an export") else 16
    assert list(open_log(folder).events["seq"]) == list(range(1, records + 1))
    assert [line["seq"] for line in exported(folder, capsys)] == list(range(1, records + 1))
    assert verdicts(folder, capsys) == as_written
    assert main(["log", "--state-dir", str(folder)]) == 0
    assert " of 1 boot, " in capsys.readouterr().out


def test_a_copied_segment_does_not_hide_the_last_run_from_the_next_start(tmp_path: Path) -> None:
    last = write_segment(tmp_path / "events-r0000002-b-0001.jsonl", [header("r0000002-b"), record(2, 1, "x.y")])
    for name in ("events-r0000002-b-0001 (1).jsonl", "events-r0000009-b-0001 - Copy.jsonl", "events-z.jsonl"):
        (tmp_path / name).write_bytes(last.read_bytes())
    assert newest_run(tmp_path) == [last]


@pytest.mark.parametrize(
    "line",
    [
        "garbage",
        "[]",
        '{"v":1,"seq":2,"ts":1.0}',
        '{"v":1,"seq":9,"ts":1e300,"type":"peer.x"}',
        '{"v":1,"se',
        pytest.param(f'{{"v":1,"seq":9,"ts":1.0,"type":"peer.x","data":{too_deep.LIST}}}', id="nested too deeply"),
    ],
)
def test_a_damaged_line_is_skipped_by_every_reader_and_reported_once(
    tmp_path: Path, line: str, as_written: str, capsys: Capture
) -> None:
    file = write_segment(tmp_path / SEGMENT, [*TWO_PEERS[:3], line, *TWO_PEERS[3:9], line, *TWO_PEERS[9:]])
    said = f"2 lines were skipped: {file}, line 4 is not a record of an event log: "
    log = open_log(file)
    assert list(log.events["seq"]) == list(range(1, 17))
    assert log.left_out.startswith(said)
    assert said in repr(log)
    assert capsys.readouterr().out.splitlines() == [log.left_out]
    assert verdicts(file, capsys) == as_written
    for command in (["why"], ["log", "export", "-"], ["tail", "--no-follow"], ["log"]):
        assert main([*command, "--state-dir", str(tmp_path)]) == (
            1 if command == ["why"] else 0
        )  # exit code 1: no peers are known to be connected
        done = capsys.readouterr()
        assert done.err.startswith(f"sidecar: {log.left_out}\n")
        assert done.err.count(log.left_out) == 1
        assert "garbage" not in done.out


def test_lines_of_another_schema_version_are_skipped_and_reported(tmp_path: Path, capsys: Capture) -> None:
    newer = '{"v":2,"seq":40,"ts":1.0,"type":"x.y"}'
    file = write_segment(tmp_path / SEGMENT, [*TWO_PEERS, newer])
    assert len(open_log(file).events) == 16
    assert "line 17 has schema version 2, but this release reads version 1" in capsys.readouterr().out
    verdicts(file, capsys)


NO_LOGS = {
    "text": b"# Read me\n\nThis is no log.\n",
    "json": b'{\n  "name": "app"\n}\n',
    "one record of something else": b'{"level":"info","msg":"hello"}\n',
    "binary": bytes(range(256)) * 9,
    "zstd": b"\x28\xb5\x2f\xfd" + b"x" * 99,
    "xz": b"\xfd7zXZ\x00" + b"x" * 99,
    "zip": b"PK\x03\x04" + b"x" * 99,
    "gzip of no log": gzip.compress(b"# Read me\n"),
    "gzip that is damaged from the start": b"\x1f\x8b\x08\x00 no gzip at all",
}


@pytest.mark.parametrize("what", NO_LOGS)
def test_every_reader_reports_a_file_that_is_not_a_log_in_one_sentence(
    tmp_path: Path, what: str, capsys: Capture
) -> None:
    file = tmp_path / "events-b00t-0001.jsonl"
    file.write_bytes(NO_LOGS[what])
    with pytest.raises(Exception, match=r"events-b00t-0001\.jsonl") as raised:
        open_log(file)
    for command in (["why", "--log", str(file)], ["log", "export", "-", "--state-dir", str(tmp_path)]):
        assert main(command) == 2
        done = capsys.readouterr()
        assert (done.out, done.err) == ("", f"sidecar: {raised.value}\n")
    if what in ("zstd", "xz", "zip"):
        assert f"it is compressed with {what}, which is not supported: decompress it first" in str(raised.value)


def test_an_empty_file_is_an_empty_log(tmp_path: Path, capsys: Capture) -> None:
    for content in (b"", b"\n\r\n", codecs.BOM_UTF8, gzip.compress(b"")):
        (tmp_path / SEGMENT).write_bytes(content)
        assert len(open_log(tmp_path).events) == 0
        assert verdicts(tmp_path, capsys) == "no two peers have met in a room\n"
        assert exported(tmp_path, capsys) == []
        assert main(["log", "--state-dir", str(tmp_path)]) == 0
        capsys.readouterr()


def test_a_truncated_gzip_file_is_read_as_far_as_possible_and_reported(tmp_path: Path, capsys: Capture) -> None:
    packed = gzip.compress(TEXT.encode())
    (tmp_path / f"{SEGMENT}.gz").write_bytes(packed[:-100])
    log = open_log(tmp_path)
    assert 0 < len(log.events) < 16
    assert "its compressed data is incomplete" in log.left_out
    assert len(exported(tmp_path, capsys)) == len(log.events)


def test_a_line_without_end_is_not_kept_in_memory(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file may contain a line of any length if it is compressed."""
    monkeypatch.setattr("signaling_sidecar.eventlog.segment_text.MAX_LINE_BYTES", 1_000_000)
    (tmp_path / f"{SEGMENT}.gz").write_bytes(gzip.compress(TEXT.encode() + bytes(2_000_000)))
    log = open_log(tmp_path)
    assert len(log.events) == len(exported(tmp_path, capsys)) == 16
    assert "one of its lines has more than 1000000 bytes" in log.left_out
    assert main(["why", "--log", str(tmp_path)]) in (0, 1)
    assert "one of its lines has more than 1000000 bytes" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_in_the_folder_of_a_log_is_not_waited_for(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / SEGMENT).write_text(TEXT)
    os.mkfifo(tmp_path / "events-b00t-0002.jsonl")
    assert len(open_log(tmp_path).events) == len(exported(tmp_path, capsys)) == 16


def test_an_unreadable_folder_is_reported_in_one_sentence(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "events-b00t-0001.jsonl").mkdir()
    with pytest.raises(DamagedLog, match="Is a directory"):
        open_log(tmp_path)
    assert main(["why", "--log", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_room_is_copied_from_a_log_of_any_form(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / SEGMENT).write_bytes(FORMS["UTF-16 of PowerShell"]())
    assert main(["log", "export", "-", "--room", BAR["room"], "--redact", "--state-dir", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 10


def test_runs_stay_in_order_in_a_redacted_copy_even_if_the_clock_was_wrong(tmp_path: Path, capsys: Capture) -> None:
    ahead = [header("r0000001-aaaa", at=9e6), record(2, 9e6, "room.created", **BAR)]
    write_segment(tmp_path / "events-r0000001-aaaa-0001.jsonl", ahead)
    write_segment(tmp_path / "events-r0000002-bbbb-0001.jsonl", [header("r0000002-bbbb"), *TWO_PEERS[1:]])
    copy = tmp_path / "copies" / "shared.jsonl"
    copy.parent.mkdir()
    assert main(["log", "export", "--redact", str(copy), "--state-dir", str(tmp_path)]) == 0
    for log in (open_log(tmp_path), open_log(copy)):
        assert [boot[:8] for boot in log.events["boot"].drop_duplicates()] == ["r0000001", "r0000002"]
    assert "aaaa" not in copy.read_text()
