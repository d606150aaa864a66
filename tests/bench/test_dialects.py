"""The benchmark of the dialects can run. No speed is asserted, because it depends on the machine."""

from __future__ import annotations

import pytest

from tests.bench import dialects
from tests.dialects.manners import MANNERS


def test_the_offers_of_every_dialect_arrive(capsys: pytest.CaptureFixture[str]) -> None:
    dialects.main(["--pairs", "2", "--seconds", "0.01", "--rounds", "1"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "µs" in line]
    deliveries = {row[0]: float(row[-1]) for row in rows}
    assert list(deliveries) == list(MANNERS)
    assert min(deliveries.values()) == 1
    assert deliveries["y-webrtc"] == 2  # the sender receives its own published frame, too
