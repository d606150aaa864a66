"""The benchmarks of a cluster can run, and the sizes of a cluster are calculated from their results."""

from __future__ import annotations

import pytest

from tests.bench import cluster_costs, cluster_sizes
from tests.bench.cluster_costs import HubCosts, RelayCosts
from tests.bench.cluster_sizes import Crowd, limits, sizes
from tests.kit.redis_server import skip_without_redis


def test_a_relay_through_a_cluster_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_without_redis()
    monkeypatch.setattr(cluster_costs, "PAIRS", 2)
    for seconds, value in (("SECONDS", 0.1), ("WARM_UP_S", 0.01), ("SETTLED_S", 0.0)):
        monkeypatch.setattr(cluster_costs, seconds, value)
    cluster_costs.main(["--rounds", "1", "--peers"])
    figures = dict(line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert set(figures) == set(RelayCosts._fields)
    # Redis receives an offer of 1.5 kB three times. When the offer arrives at a client, Redis has sent it twice, but
    # perhaps not yet as a line of the log.
    assert float(figures["in_bytes"].replace(",", "")) > 3 * 1500
    assert float(figures["out_bytes"].replace(",", "")) > 2 * 1500


def test_the_hub_is_restored_from_its_checkpoint_and_the_lines_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # look_for_garbage_rarely would affect the other tests in this process.
    monkeypatch.setattr(cluster_costs, "look_for_garbage_rarely", lambda: None)
    measured = cluster_costs.measure_hub(100)
    assert 100 < measured.checkpoint_bytes < 2000
    assert min(measured.restore_us, measured.line_us) > 0


RELAY = RelayCosts(
    owner_us=20, front_us=50, copy_us=10, redis_us=10, commands=0.1, in_bytes=5000, out_bytes=7000, log_bytes=1800
)
HUB = HubCosts(peers=1, peer_bytes=2000, checkpoint_bytes=500, checkpoint_us=10, restore_us=10, line_us=10)


def test_the_sizes_are_the_product_of_the_costs_and_of_what_the_peers_do() -> None:
    crowd = Crowd(peers=10_000, peers_per_room=5, stay_s=1000, connections=5_000)
    found = sizes(crowd, RELAY, [HUB])
    assert found.relays_per_s == 10 * 4 * 15
    assert found.owner_cores == pytest.approx((600 + 10 * 5) * 20e-6)
    assert found.instances == 2 + 2  # two instances for the connections, one is the owner, and one is in reserve
    assert found.redis_bytes == 2 * (5_000_000 + 10_000_000)
    assert found.lease_s == 3
    assert limits(found) == []


def test_what_does_not_fit_is_said_in_words() -> None:
    busy = sizes(Crowd(peers=1_000_000, peers_per_room=10, stay_s=600, connections=20_000), RELAY, [HUB])
    assert limits(busy)[0] == "the hub needs more CPU time than one core has"
    lazy = sizes(Crowd(peers=1_000_000, peers_per_room=10, stay_s=86_400, connections=20_000), RELAY, [HUB])
    assert limits(lazy)[-1:] == ["a takeover takes longer than a client waits for an answer to its join"]


def test_all_sizes_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    cluster_sizes.main([])
    cluster_sizes.main(["--peers", "50000", "--stay-s", "600"])
    printed = capsys.readouterr().out
    assert "1,000,000" in printed
    assert "50,000" in printed
