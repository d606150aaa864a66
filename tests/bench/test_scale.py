"""The benchmarks of many peers and of a full log can run. No speed is asserted, because it depends on the machine."""

from __future__ import annotations

import json

import pytest

from tests.bench import full_log, growing, hub, restarting, watching


def test_the_hub_is_measured_with_each_number_of_peers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # look_for_garbage_rarely would affect the other tests in this process.
    monkeypatch.setattr(hub, "look_for_garbage_rarely", lambda: None)
    monkeypatch.setattr(hub, "_in_a_process", hub.measure)  # in this process: starting Python takes long
    hub.main(["--peers", "20", "40"])
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["CPU", "for", "each", "20", "40", "ratio"]
    assert len([row for row in rows if "µs" in row]) > 10


def test_an_offer_is_measured_with_few_and_with_many_connections(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seconds in ("SECONDS", "WARM_UP_S"):
        monkeypatch.setattr(growing, seconds, 0.01)
    growing.main(["--many", "20", "--rounds", "1", "--json"])
    measured = json.loads(capsys.readouterr().out)
    assert set(measured) == {"connections", *(case.name for case in growing.cases(20))}


def test_a_restart_is_measured_on_a_log_from_which_all_sessions_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_log, "LAST_SHARE", 0.01)
    result = restarting.measure(total_bytes=0, rounds=1)
    assert result.restored == full_log.ROOMS * full_log.PEERS


def test_a_look_at_what_was_added_is_compared_with_the_first_one(capsys: pytest.CaptureFixture[str]) -> None:
    watching.main(["--events", "20000", "--json"])
    measured = json.loads(capsys.readouterr().out)
    assert measured["records"] > watching.LOOKS * watching.AT_ONCE
    assert measured["look_s"] > 0
