"""The state of two peers, which follows from the reason in the verdict on them."""

from __future__ import annotations

from signaling_sidecar.diagnosis.reasons import Reason
from signaling_sidecar.pair_state import State

_STATES = {
    Reason.CONNECTED: State.CONNECTED,
    Reason.IN_PROGRESS: State.TRYING,
    Reason.UNKNOWN: State.UNKNOWN,
    Reason.UNRECOGNISED: State.UNKNOWN,
    Reason.NOBODY_OFFERED: State.UNKNOWN,
    Reason.LEFT: State.UNKNOWN,
}


def state_of(reason: Reason) -> State:
    """Return the state of two peers. The state is `FAILED` for all reasons that are not in `_STATES`."""
    return _STATES.get(reason, State.FAILED)
