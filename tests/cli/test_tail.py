"""`sidecar tail` prints the events of a sidecar."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from signaling_sidecar.cli.tail import describe
from tests.kit.sidecar_command import PATIENCE_S, PYTHON_PATH, SIDECAR, join, run_here, serving


def test_tail_prints_earlier_events_and_then_new_ones_across_segments(tmp_path: Path) -> None:
    with serving(tmp_path, "--log-segment-bytes", "1024") as sidecar:
        join(sidecar.ready["url"], "bar", "first")
        command = [*SIDECAR, "tail", "--state-dir", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | PYTHON_PATH) as tail:
            assert tail.stdout is not None
            watchdog = threading.Timer(PATIENCE_S, tail.kill)
            watchdog.start()
            shown = [tail.stdout.readline()]
            for peer in ("second", "third", "fourth"):
                join(sidecar.ready["url"], "bar", peer)
                for line in tail.stdout:
                    shown.append(line)
                    if "peer.joined" in line and peer in line:
                        break
            tail.terminate()
            watchdog.cancel()
        assert "fourth" in shown[-1]
    last = run_here("tail", "--no-follow", "-n", "1", "--json", "--state-dir", str(tmp_path)).stdout
    assert json.loads(last)["v"] == 1


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


def test_tail_escapes_control_characters() -> None:
    record = {"ts": 0.0, "type": "peer.joined", "dialect": "rooms", "room": "\x1b[2Jbar", "peer": "a\u202eb"}
    line = describe(record)
    assert line.isprintable()
    assert "\\x1b[2Jbar" in line
