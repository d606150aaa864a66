"""The benchmark of relaying can run. No speed is asserted, because it depends on the machine."""

from __future__ import annotations

import pytest

from tests.bench import relaying
from tests.dialects.manners import MANNERS


def test_the_offers_of_every_dialect_arrive(capsys: pytest.CaptureFixture[str]) -> None:
    relaying.main(["--pairs", "2", "--offers", "16", "--rounds", "1"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "µs" in line]
    assert {row[0]: row[-1] for row in rows} == dict.fromkeys(MANNERS, "1") | {"y-webrtc": "2"}
