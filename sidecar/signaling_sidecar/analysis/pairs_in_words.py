"""Describes in words whether the pairs of peers in a room are connected, for the list of rooms and the room's page."""

from __future__ import annotations

from signaling_sidecar.analysis.messages import RoomPairs
from signaling_sidecar.pair_state import State

WORST_FIRST = (State.FAILED, State.TRYING, State.UNKNOWN, State.CONNECTED)
_OF_TWO = {
    State.CONNECTED: "are connected",
    State.FAILED: "are not connected",
    State.TRYING: "are connecting",
    State.UNKNOWN: "may be connected or not",
}


def states_in_words(pairs: RoomPairs) -> str:
    """Return for example `2 failed, 1 connected`, or `both connected` if all pairs have the same state."""
    there = [state for state in WORST_FIRST if pairs.counts[state]]
    if len(there) != 1:
        return _listed(pairs, there)
    count = pairs.counts[there[0]]
    return {1: "", 2: "both "}.get(count, f"all {count} ") + there[0]


def summary(pairs: RoomPairs, peers: int) -> str:
    """Return one sentence about a room with this number of peers, and about their connections."""
    counts, all_ = pairs.counts, sum(pairs.counts.values())
    if all_ == 0:
        return "One peer is here, and nobody else." if peers == 1 else f"{peers} peers are here."
    if all_ == 1:
        return f"The two peers {_OF_TWO[State(pairs.worst or '')]}."
    if counts[State.CONNECTED] == all_:
        return f"{'Both' if all_ == 2 else f'All {all_}'} pairs are connected."
    known = "known to be connected" if counts[State.UNKNOWN] else "connected"
    others = _listed(pairs, [state for state in WORST_FIRST[:-1] if counts[state]])
    return f"{counts[State.CONNECTED]} of {all_} pairs are {known}, {others}."


def _listed(pairs: RoomPairs, states: list[State]) -> str:
    return ", ".join(f"{pairs.counts[state]} {state}" for state in states)
