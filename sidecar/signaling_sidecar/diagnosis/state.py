"""The state of two peers in one word, for drawings, pages and scripts."""

from __future__ import annotations

from enum import StrEnum

from signaling_sidecar.diagnosis.reasons import Reason


class State(StrEnum):
    """Whether two peers are connected."""

    CONNECTED = "connected"
    TRYING = "trying"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Neither peer has tried to connect, one of them left too early, or no browser has reported the result."""


_STATES = {
    Reason.CONNECTED: State.CONNECTED,
    Reason.IN_PROGRESS: State.TRYING,
    Reason.UNKNOWN: State.UNKNOWN,
    Reason.UNRECOGNISED: State.UNKNOWN,
    Reason.NOBODY_OFFERED: State.UNKNOWN,
    Reason.LEFT: State.UNKNOWN,
}


def state_of(reason: Reason) -> State:
    """The state of two peers, by the reason in the verdict on them. All other reasons are faults."""
    return _STATES.get(reason, State.FAILED)
