"""How those stand who are in a room together now, pair by pair: what the status page shows of `sidecar why`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from signaling_sidecar.diagnosis import Reason
from signaling_sidecar.doctor.peers import UNDECIDED, together_now
from signaling_sidecar.untrusted_text import visible


class Standing(StrEnum):
    """What is known of a pair."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    UNKNOWN = "unknown"
    """Nobody can know it from the signaling alone, and no browser has said it."""
    FAILED = "failed"


class PairNow(NamedTuple):
    """Two sessions of one room. Its texts are safe to show."""

    sessions: tuple[str, str]
    labels: tuple[str, str]
    standing: Standing
    sentence: str
    next_step: str | None


def pairs_now(state_dir: Path) -> list[PairNow]:
    """Judge the pairs by the newest part of the log. Raises NoLog, DamagedLog, UnknownSchema."""
    return [
        PairNow(
            (one.id, other.id),
            (visible(one.label), visible(other.label)),
            _standing(verdict.finding.reason),
            visible(verdict.finding.sentence),
            verdict.next_step,
        )
        for verdict in together_now(state_dir)
        for one, other in [verdict.meeting.sessions]
    ]


def _standing(reason: Reason) -> Standing:
    if reason is Reason.CONNECTED:
        return Standing.CONNECTED
    if reason is Reason.IN_PROGRESS:
        return Standing.CONNECTING
    return Standing.UNKNOWN if reason in UNDECIDED else Standing.FAILED
