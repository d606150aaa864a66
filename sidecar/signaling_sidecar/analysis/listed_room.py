"""One entry in the list of all rooms. `state` is the room as the admin API describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signaling_sidecar.analysis.messages import Key, RoomPairs
from signaling_sidecar.analysis.pairs_in_words import states_in_words
from signaling_sidecar.hub.records import present
from signaling_sidecar.pair_state import State

NO_PAIRS = RoomPairs(dict.fromkeys(State, 0), None, None)


def listed_room(state: Mapping[str, Any], pairs: RoomPairs) -> dict[str, Any]:
    return {
        "dialect": state["dialect"],
        "room": state["room"],
        "listed": state["listed"],
        "peers": len(state["peers"]),
        "away": sum(peer["away"] for peer in state["peers"]),
        "pairs": pairs.counts,
        "pairsInWords": states_in_words(pairs),
        "worst": pairs.worst,
        **present(name=state.get("name"), sentence=pairs.sentence),
    }


def past_room(key: Key) -> dict[str, Any]:
    """Return the entry of a room that everybody has left."""
    dialect, room = key
    return listed_room({"dialect": dialect, "room": room, "listed": True, "peers": []}, NO_PAIRS) | {"ended": True}
