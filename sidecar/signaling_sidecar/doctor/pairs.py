"""The current state of each pair of peers in a room, as the status page shows it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from signaling_sidecar.diagnosis import State, state_of
from signaling_sidecar.doctor.peers import current_verdicts
from signaling_sidecar.untrusted_text import visible


class PairNow(NamedTuple):
    """Two sessions in one room. The texts are safe to display."""

    sessions: tuple[str, str]
    labels: tuple[str, str]
    standing: State
    sentence: str
    next_step: str | None


def pairs_now(state_dir: Path) -> list[PairNow]:
    """Evaluate all pairs from the newest part of the event log. Raises NoLog, DamagedLog and UnknownSchema."""
    return [
        PairNow(
            (one.id, other.id),
            (visible(one.label), visible(other.label)),
            state_of(verdict.finding.reason),
            visible(verdict.finding.sentence),
            verdict.next_step,
        )
        for verdict in current_verdicts(state_dir)
        for one, other in [verdict.meeting.sessions]
    ]
