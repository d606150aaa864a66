"""The recorded logs of the notebooks, and of tests, are those of real browsers here: `make record` creates them
again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from signaling_sidecar.eventlog.segments import find_segments
from tests.kit.checkout import FRONTEND
from tests.kit.programs import is_running, until
from tests.kit.sites import Site

RECORDED_PROJECT = "/home/ann/demo"  # replaces the path of this checkout


async def end(demo: Site) -> None:
    """Press Ctrl-C in the terminal, after which the log is complete.

    Vite ends after its sidecar, even if that is no longer the process that began the log.
    """
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
