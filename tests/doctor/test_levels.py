"""What nobody has asked for is no fault: a project on localhost is well without a network."""

from __future__ import annotations

import os

import pytest

from signaling_sidecar.doctor import Level, examination, examine_from
from signaling_sidecar.doctor.network import of_addresses, of_network
from signaling_sidecar.doctor.vite import Vite
from signaling_sidecar.site import Site

NOBODY_THERE = "http://localhost:9/"  # the discard port: nothing listens there


@pytest.mark.parametrize(("for_others", "level"), [(False, Level.NOTE), (True, Level.WRONG)])
def test_a_machine_without_a_network_is_at_fault_only_when_others_are_to_come(for_others: bool, level: Level) -> None:
    finding = of_addresses([], for_others=for_others)
    assert (finding.code, finding.level) == ("no-lan-address", level)


@pytest.mark.parametrize(("for_others", "level"), [(False, Level.NOTE), (True, Level.WRONG)])
def test_vite_on_localhost_only_is_a_fault_only_when_others_are_to_come(for_others: bool, level: Level) -> None:
    [finding] = of_network(Vite(NOBODY_THERE), [NOBODY_THERE], [], for_others=for_others)
    assert (finding.code, finding.level) == ("vite-localhost-only", level)


@pytest.mark.parametrize(("lan", "network"), [(True, []), (False, ["https://192.0.2.9:5173/"])])
def test_others_are_to_come_when_it_is_said_or_when_vite_is_on_the_network(
    lan: bool, network: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "own_addresses", list)
    site = Site(os.getpid(), "app", [NOBODY_THERE], network, "s" * 43)
    levels = {each.code: each.level for each in examine_from(None, site, lan=lan)}
    assert levels["no-lan-address"] is Level.WRONG
