"""Run a short soak test. The memory of the sidecar is not compared, because the test is too short to show growth."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.soak.figures import figures
from tests.soak.soak import Plan, soak


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc")
async def test_nothing_is_lost_doubled_or_reordered_while_everything_breaks(
    tmp_path: Path, measured: list[str]
) -> None:
    done = await soak(Plan(seconds=10, peers=24, kills=3, stay_s=30), tmp_path, seed=7)
    measured += figures(done)
    assert done.ledger.faults == []
    for count in ("acknowledged", "delivered", "reloads", "network faults"):
        assert done.ledger.counts[count] > 0, count
