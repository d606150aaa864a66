"""The comparison with other servers can run. No speed is asserted, because it depends on the machine."""

from __future__ import annotations

import pytest

from tests.bench import comparison, idling, joining, relaying
from tests.bench.contenders import OURS, find_node


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "PAIRS", 2)
    for module in (joining, idling):
        monkeypatch.setattr(module, "PEERS", 3)
    for seconds in ("SECONDS", "WARM_UP_S"):
        monkeypatch.setattr(relaying, seconds, 0.01)


def test_every_figure_of_the_sidecar_is_measured() -> None:
    best = comparison.compare([OURS], rounds=1)
    assert set(best[OURS.name]) == {row.figure for row in comparison.ROWS}


def test_the_server_for_node_relays_too() -> None:
    node = find_node()
    if isinstance(node, str):
        pytest.skip(node)
    assert set(relaying.measure(node)) < {row.figure for row in comparison.ROWS}


def test_the_sidecar_is_compared_with_the_better_one_of_node_and_peerjs() -> None:
    lines = comparison.table(
        {name: {"cpu_us_1": cpu} for name, cpu in (("sidecar", 18.0), ("node", 24.0), ("bun", 6.0), ("peerjs", 20.0))}
    )
    assert lines[1].split()[-10:] == ["18.0", "24.0", "6.0", "20.0", "0.90", "(≤", "0.95)", "3.00", "(≤", "3.00)"]
