"""`sidecar doctor` reports from the event log whether the peers in a room are connected."""

from __future__ import annotations

from pathlib import Path

import pytest

from signaling_sidecar.doctor import Finding
from signaling_sidecar.doctor.peers import check_pairs
from tests.kit.diagnosis_log import Story

FAILED = {"connection": "failed", "ice": "failed"}


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def found(story: Story) -> list[Finding]:
    return list(check_pairs(story.write().parent))


def test_a_connected_pair_is_counted(story: Story) -> None:
    [finding] = found(story.negotiates().reports("ann", peerId="ben", connection="connected"))
    assert (finding.code, finding.level) == ("peers-connected", "ok")
    assert finding.sentence == "connected now: 1 of 1 pairs of peers"


@pytest.mark.parametrize(
    ("addresses", "code", "remedy"),
    [
        (("192.168.1.7", "10.0.0.2"), "pair-different-subnets", "same Wi-Fi"),
        (("a.local", "b.local"), "pair-only-mdns", "camera"),
        (("10.0.0.1", "10.0.0.2"), "pair-ice-failed", "TURN server"),
    ],
)
def test_a_pair_that_is_not_connected_is_an_error(
    story: Story, addresses: tuple[str, str], code: str, remedy: str
) -> None:
    [finding] = found(story.negotiates(*addresses).reports("ann", peerId="ben", **FAILED))
    assert (finding.code, finding.level) == (code, "wrong")
    assert finding.sentence.startswith("Ann and Ben: ")
    assert remedy in (finding.remedy or "")


def test_names_are_safe_to_show_in_a_terminal(story: Story) -> None:
    story.joins("ben", "Ben\x1b[2J").describes("ben", "offer").describes("ann", "answer")
    [finding] = found(story.names("ben", "10.0.0.2").names("ann", "10.0.0.1").reports("ann", peerId="ben", **FAILED))
    assert "\x1b" not in finding.sentence


def test_pairs_with_a_peer_that_has_left_are_not_reported(story: Story) -> None:
    story.negotiates("a.local", "b.local").reports("ann", peerId="ben", **FAILED).leaves("ben")
    assert [finding.code for finding in found(story)] == ["nobody-together"]


def test_without_a_log_nothing_is_reported(tmp_path: Path) -> None:
    assert list(check_pairs(tmp_path)) == []
