"""The list of all rooms with their worst pairs, and hints about what cannot be seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from signaling_sidecar.diagnosis import Reason, next_step
from signaling_sidecar.hub.records import present
from signaling_sidecar.server.http.guard import Barred
from signaling_sidecar.server.inspector.seen import ELSEWHERE, NO_PAIRS, Key, Pairs, Seen, is_together
from signaling_sidecar.untrusted_text import visible

MAX_PAST_ROOMS = 20  # rooms that have ended, of which the log still has records
MAX_ELSEWHERE = 5  # pairs of pages that signal through another server
MAX_REFUSED = 5  # refused requests in the hints


def rooms_listed(states: Iterable[Mapping[str, Any]], seen: Seen) -> list[dict[str, Any]]:
    """List the rooms that exist, and after them those that have ended lately. `states` are those of the admin API."""
    rooms = [listed_room(state, seen.pairs.get((state["dialect"], state["room"]), NO_PAIRS)) for state in states]
    there = {(room["dialect"], room["room"]) for room in rooms}
    past = sorted((key for key in seen.of_room if key not in there), key=lambda key: -seen.of_room[key][-1].seq)
    return rooms + [past_room(key) for key in past[:MAX_PAST_ROOMS]]


def listed_room(state: Mapping[str, Any], pairs: Pairs) -> dict[str, Any]:
    return {
        "dialect": state["dialect"],
        "room": state["room"],
        "listed": state["listed"],
        "peers": len(state["peers"]),
        "away": sum(peer["away"] for peer in state["peers"]),
        "pairs": pairs.counts,
        "worst": pairs.worst,
        **present(name=state.get("name"), sentence=pairs.sentence),
    }


def past_room(key: Key) -> dict[str, Any]:
    """A room that nobody is in any more."""
    dialect, room = key
    return listed_room({"dialect": dialect, "room": room, "listed": True, "peers": []}, NO_PAIRS) | {"ended": True}


def hints(
    rooms: Iterable[Mapping[str, Any]], seen: Seen | None, refused: Iterable[Barred], *, is_log_written: bool
) -> Iterator[dict[str, str | None]]:
    """Yield what the reader should know to understand what is shown, and what to do about it."""
    if not is_log_written:
        yield _hint(
            "log-not-written",
            "the event log cannot be written at the moment, so what happens now is not shown here",
            "look at the terminal of the sidecar, which names the cause, such as a full disk",
        )
    for barred in list(refused)[-MAX_REFUSED:]:
        yield _hint(f"refused-{barred.header.lower()}", str(barred).removesuffix(f": {barred.remedy}"), barred.remedy)
    if seen is None:
        return
    for dialect, room in seen.diagnosis.unread:
        yield _hint(
            "signals-unreadable",
            f"the signals in the room {visible(room)} ({dialect}) are encrypted or in an unknown form, so only the "
            "reports of the browsers show who is connected",
            next_step(Reason.UNRECOGNISED),
        )
    for history in list(filter(is_together, seen.histories.get(ELSEWHERE, ())))[:MAX_ELSEWHERE]:
        sentence = f"{history.last.sentence} (they signal through another server, so they are in no room)"
        yield _hint("signaled-elsewhere", visible(sentence), history.last.next_step)
    sessions = {peer["session"] for room in rooms if len(room["peers"]) > 1 for peer in room["peers"]}
    if sessions and not sessions & seen.reporting:
        yield _hint(
            "no-browser-reports",
            "no browser reports the state of its connections, so only the signaling shows whether peers are connected",
            next_step(Reason.UNKNOWN),
        )


def _hint(code: str, sentence: str, remedy: str | None) -> dict[str, str | None]:
    return {"code": code, "sentence": sentence, "remedy": remedy}
