"""`sidecar doctor` reports a missing network as an error only if other devices should connect."""

from __future__ import annotations

import os

import pytest

from signaling_sidecar.doctor import Level, check_vite_and_network, checks
from signaling_sidecar.doctor.network import check_addresses, check_reachability
from signaling_sidecar.doctor.vite import Vite
from signaling_sidecar.site import Site

NOBODY_THERE = "http://localhost:9/"  # the discard port, on which no program listens


@pytest.mark.parametrize(("for_others", "level"), [(False, Level.NOTE), (True, Level.WRONG)])
def test_a_missing_network_is_an_error_only_if_other_devices_should_connect(for_others: bool, level: Level) -> None:
    finding = check_addresses([], for_others=for_others)
    assert (finding.code, finding.level) == ("no-lan-address", level)


@pytest.mark.parametrize(("for_others", "level"), [(False, Level.NOTE), (True, Level.WRONG)])
def test_vite_on_localhost_only_is_an_error_only_if_other_devices_should_connect(
    for_others: bool, level: Level
) -> None:
    [finding] = check_reachability(Vite(NOBODY_THERE), [NOBODY_THERE], [], for_others=for_others)
    assert (finding.code, finding.level) == ("vite-localhost-only", level)


@pytest.mark.parametrize(("lan", "network"), [(True, []), (False, ["https://192.0.2.9:5173/"])])
def test_other_devices_should_connect_if_the_flag_is_given_or_vite_listens_on_the_network(
    lan: bool, network: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "own_addresses", list)
    site = Site(os.getpid(), "app", [NOBODY_THERE], network, "s" * 43)
    levels = {each.code: each.level for each in check_vite_and_network(None, site, lan=lan)}
    assert levels["no-lan-address"] is Level.WRONG
