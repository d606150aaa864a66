"""`sidecar tail` prints the events of a sidecar."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from signaling_sidecar.cli import main, tail
from signaling_sidecar.cli.tail import describe
from tests.kit.inspection_log import header, record, write_segment
from tests.kit.sidecar_command import PATIENCE_S, PYTHON_PATH, SIDECAR, join, run_here, serving


def test_tail_prints_earlier_events_and_then_new_ones_across_segments(tmp_path: Path) -> None:
    with serving(tmp_path, "--log-segment-bytes", "1024") as sidecar:
        join(sidecar.ready["url"], "bar", "first")
        command = [*SIDECAR, "tail", "--state-dir", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | PYTHON_PATH) as process:
            assert process.stdout is not None
            watchdog = threading.Timer(PATIENCE_S, process.kill)
            watchdog.start()
            shown = [process.stdout.readline()]
            for peer in ("second", "third", "fourth"):
                join(sidecar.ready["url"], "bar", peer)
                for line in process.stdout:
                    shown.append(line)
                    if "peer.joined" in line and peer in line:
                        break
            process.terminate()
            watchdog.cancel()
        assert "fourth" in shown[-1]
    last = run_here("tail", "--no-follow", "-n", "1", "--json", "--state-dir", str(tmp_path)).stdout
    assert json.loads(last)["v"] == 1


def test_tail_prints_as_many_earlier_events_of_the_run_as_asked_right_after_a_new_segment_was_begun(
    tmp_path: Path,
) -> None:
    write_segment(tmp_path / "events-r0000001-a-0001.jsonl", [header("r0000001-a"), record(2, 1, "server.stopped")])
    boot = "r0000002-b"
    events = [record(number, number, "peer.away") for number in range(2, 10)]
    write_segment(tmp_path / f"events-{boot}-0001.jsonl", [header(boot), *events[:2]])
    write_segment(tmp_path / f"events-{boot}-0002.jsonl", ["damaged"])
    write_segment(tmp_path / f"events-{boot}-0003.jsonl", events[2:6])
    write_segment(tmp_path / f"events-{boot}-0004.jsonl", events[5:])

    def last(count: str) -> list[str]:
        return run_here("tail", "--no-follow", "--json", "-n", count, "--state-dir", str(tmp_path)).stdout.splitlines()

    assert last("0") == []
    assert last("5") == events[3:]
    assert last("7") == events[1:]
    assert last("20") == [header(boot), *events]


def test_a_record_that_is_written_while_the_earlier_ones_are_read_is_printed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = tmp_path / "events-r0000001-a-0001.jsonl"
    lines = [header("r0000001-a"), *(record(number, number, "peer.away") for number in (2, 3, 4))]
    write_segment(segment, lines[:2])

    def write(line: str) -> None:
        with segment.open("a") as file:
            file.write(f"{line}\n")

    def is_running(folder: Path) -> bool:  # is called when the position is known, before the records are read
        write(lines[2])
        return True

    def pause(seconds: float) -> None:
        if segment.read_text().count("\n") == len(lines):
            raise KeyboardInterrupt
        write(lines[3])

    monkeypatch.setattr(tail, "is_running", is_running)
    monkeypatch.setattr(tail, "pause", pause)
    assert main(["tail", "--json", "--state-dir", str(tmp_path)]) == 130
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot tell whether somebody reads a pipe")
@pytest.mark.parametrize("command", [["tail", "-n", "1"], ["why", "--watch"]])
def test_a_command_that_waits_for_news_ends_when_nobody_reads_its_output(tmp_path: Path, command: list[str]) -> None:
    """After `sidecar tail | grep -m 1 peer.joined`, a shell would otherwise show its prompt only at the next event."""
    write_segment(tmp_path / "events-r0000001-a-0001.jsonl", [header("r0000001-a")])
    whole = [*SIDECAR, *command, "--state-dir", str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(whole, stdout=pipe, stderr=pipe, text=True, env=os.environ | PYTHON_PATH) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        watchdog = threading.Timer(PATIENCE_S, process.kill)
        watchdog.start()
        if command[0] == "tail":
            assert "log.header" in process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        watchdog.cancel()
    assert process.returncode == 0
    assert "Error" not in errors


@pytest.mark.parametrize(
    ("type_", "frame", "text"),
    [
        ("relayed", {"kind": "broadcast", "bytes": 21}, "broadcast → all  21 B"),
        ("relayed", {"kind": "offer", "to": "ben", "bytes": 0}, "offer → ben  0 B"),
        ("refused", {"kind": "enter"}, "enter"),
        ("refused", {"kind": "offer", "bytes": 7}, "offer  7 B"),
        ("refused", {}, "?"),
        ("expired", {"kind": "tell", "to": "ben"}, "tell → ben"),
    ],
)
def test_tail_shows_of_a_frame_what_is_known(type_: str, frame: dict[str, object], text: str) -> None:
    line = describe({"ts": 0.0, "type": f"signal.{type_}", **frame})
    assert line.split(maxsplit=2)[2] == text


@pytest.mark.usefixtures("_far_from_greenwich")
def test_tail_prints_times_in_utc_and_says_so() -> None:
    assert describe({"ts": 3723.456, "type": "server.stopped"}).startswith("01:02:03.456Z  server.stopped")


def test_tail_escapes_control_characters() -> None:
    record = {"ts": 0.0, "type": "peer.joined", "dialect": "rooms", "room": "\x1b[2Jbar", "peer": "a\u202eb"}
    line = describe(record)
    assert line.isprintable()
    assert "\\x1b[2Jbar" in line
