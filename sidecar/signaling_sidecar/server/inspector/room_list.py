"""Lists all rooms with the states of their pairs, and writes hints about what the inspector cannot show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from signaling_sidecar.analysis.listed_room import NO_PAIRS, listed_room, past_room
from signaling_sidecar.analysis.messages import Overview
from signaling_sidecar.server.http.guard import Barred
from signaling_sidecar.untrusted_text import visible

MAX_PAST_ROOMS = 20  # rooms that have ended, and of which the log still has records
MAX_REFUSED = 5  # refused requests in the hints


def rooms_listed(states: Iterable[Mapping[str, Any]], seen: Overview) -> list[dict[str, Any]]:
    """List the rooms that exist, and after them those that have ended last. Each item of `states` is a result of
    `room_state`."""
    pairs = dict(seen.pairs)
    rooms = [listed_room(state, pairs.get((state["dialect"], state["room"]), NO_PAIRS)) for state in states]
    there = {(room["dialect"], room["room"]) for room in rooms}
    past = [key for key in reversed(seen.logged) if key not in there]
    return rooms + [past_room(key) for key in past[:MAX_PAST_ROOMS]]


def hints(
    rooms: Collection[Mapping[str, Any]], seen: Overview | None, refused: Iterable[Barred], *, is_log_written: bool
) -> Iterator[dict[str, str | None]]:
    """Yield hints for the user: each explains what is shown or missing, and what can be done."""
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
    sessions = {peer["session"] for room in rooms if len(room["peers"]) > 1 for peer in room["peers"]}
    is_reported = not sessions.isdisjoint(seen.reporting)
    for dialect, room in seen.unread:
        yield _hint(
            "signals-unreadable",
            f"the signals in the room {visible(f'{room} ({dialect})')} are encrypted or in an unknown form, so only "
            "the reports of the browsers show who is connected",
            None if is_reported else seen.how_to_report,
        )
    for verdict, step in seen.elsewhere:
        sentence = f"{verdict} (they signal through another server, so they are in no room)"
        yield _hint("signaled-elsewhere", visible(sentence), step)
    for sentence, step in seen.refused_media:
        yield _hint("media-refused", visible(sentence), step)
    # Peers that have sent no signals may have made no RTCPeerConnections, so their browsers have nothing to report.
    paired = {key for key, pairs in seen.pairs if pairs.worst is not None}
    have_signaled = any((room["dialect"], room["room"]) in paired for room in rooms)
    if have_signaled and not is_reported and not seen.unread:
        yield _hint(
            "no-browser-reports",
            "no browser reports the state of its connections, so only the signaling shows whether peers are connected",
            seen.how_to_report,
        )


def _hint(code: str, sentence: str, remedy: str | None) -> dict[str, str | None]:
    return {"code": code, "sentence": sentence, "remedy": remedy}
