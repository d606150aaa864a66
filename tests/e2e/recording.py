"""`make record` saves the logs of some tests with real browsers, for notebooks and for tests without browsers."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from signaling_sidecar.eventlog.segments import find_segments
from tests.kit.checkout import FRONTEND
from tests.kit.programs import is_running, until
from tests.kit.sites import Site

RECORDED_PROJECT = "/home/ann/demo"  # replaces the path of this checkout in recorded logs


async def end(demo: Site) -> None:
    """End Vite as Ctrl-C does, and wait until its sidecar has ended, so that the log is complete."""
    demo.vite.process.send_signal(signal.SIGINT)
    await demo.vite.ended()
    await until(lambda: not is_running(demo.sidecar.pid), "the sidecar has ended")


def record(demo: Site, config: pytest.Config, name: str) -> None:
    """Save the log with this name if recording was requested."""
    recorded: Path | None = config.getoption("record_logs")
    if recorded is None:
        return
    folder = recorded / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jsonl"):
        old.unlink()
    for segment in find_segments(demo.sidecar.state_dir).segments:
        (folder / segment.name).write_text(segment.read_text().replace(str(FRONTEND), RECORDED_PROJECT))
