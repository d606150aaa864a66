"""The current state of each pair of peers in a room, as the status page shows it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from signaling_sidecar.diagnosis import Reason
from signaling_sidecar.doctor.peers import INCONCLUSIVE, current_verdicts
from signaling_sidecar.untrusted_text import visible


class PairState(StrEnum):
    """Whether the two peers of a pair are connected."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    UNKNOWN = "unknown"
    """The signaling does not tell, and no browser has reported the state of its connection."""
    FAILED = "failed"


class PairNow(NamedTuple):
    """Two sessions in one room. The texts are safe to display."""

    sessions: tuple[str, str]
    labels: tuple[str, str]
    standing: PairState
    sentence: str
    next_step: str | None


def pairs_now(state_dir: Path) -> list[PairNow]:
    """Evaluate all pairs from the newest part of the event log. Raises NoLog, DamagedLog and UnknownSchema."""
    return [
        PairNow(
            (one.id, other.id),
            (visible(one.label), visible(other.label)),
            _standing(verdict.finding.reason),
            visible(verdict.finding.sentence),
            verdict.next_step,
        )
        for verdict in current_verdicts(state_dir)
        for one, other in [verdict.meeting.sessions]
    ]


def _standing(reason: Reason) -> PairState:
    if reason is Reason.CONNECTED:
        return PairState.CONNECTED
    if reason is Reason.IN_PROGRESS:
        return PairState.CONNECTING
    return PairState.UNKNOWN if reason in INCONCLUSIVE else PairState.FAILED
