"""The content of the live panel at one time. A separate thread makes this content, because drawing a long log takes
seconds."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from signaling_sidecar.counted import counted
from signaling_sidecar.drawing import UnknownRoom
from signaling_sidecar.inspection.live.running_sidecar import NO_LOG
from signaling_sidecar.untrusted_text import visible

if TYPE_CHECKING:
    from signaling_sidecar.inspection.event_log import EventLog
    from signaling_sidecar.inspection.live.ladder import Ladder
    from signaling_sidecar.inspection.live.running_sidecar import RunningSidecar

SHOWN_ROWS = 500  # last rows of the ladder that are shown, because each update sends all of them to the browser


class View(NamedTuple):
    """The content of the panel. `wanted` is the selected room. If the room has ended, `chosen` is None; otherwise
    `chosen` is the room as the admin API describes it. `pairs` and `html` are the verdicts and the ladder as HTML."""

    rooms: list[dict[str, Any]]
    wanted: tuple[str, str] | None
    log: EventLog | None
    """None if the sidecar is on another machine."""
    is_there: bool
    chosen: dict[str, Any] | None
    pairs: str = ""
    ladder: Ladder | None = None
    html: str = ""
    changes_ts: float = math.inf
    """The time at which a verdict may change although the log does not (seconds since the epoch)."""

    def is_drawn_like(self, other: View) -> bool:
        return (self.wanted, self.log, self.is_there) == (other.wanted, other.log, other.is_there)


def look(sidecar: RunningSidecar, wanted: tuple[str, str] | None, before: View | None) -> View:
    """Fetch the rooms, and draw the room `wanted`, or the first room if that is None. If the log has not changed since
    the view `before`, and no verdict can have changed, its drawing is used again."""
    rooms, log = sidecar.now(), sidecar.log if sidecar.has_log else None
    if wanted is None and rooms:
        wanted = key_of(rooms[0])
    chosen = next((room for room in rooms if key_of(room) == wanted), None)
    view = View(rooms, wanted, log, chosen is not None, chosen)
    if before is not None and view.is_drawn_like(before) and time.time() < before.changes_ts:
        return before._replace(rooms=rooms, chosen=chosen)
    return _draw(view)


def _draw(view: View) -> View:
    """Add the verdicts and the ladder of the selected room. Drawing takes seconds if the room has many records."""
    if view.log is None:
        return view._replace(pairs=f"no verdicts and no ladder: {NO_LOG}")
    if view.wanted is None or not view.is_there:
        return view
    (dialect, room), log = view.wanted, view.log
    diagnosis = log.diagnose(room, dialect)
    try:
        ladder = log.ladder(room, dialect)
    except UnknownRoom:  # a room that was restored from a checkpoint may not have a record yet
        ladder = None
    drawn = "" if ladder is None else ladder.last(SHOWN_ROWS).to_html()
    return view._replace(pairs=diagnosis._repr_html_(), ladder=ladder, html=drawn, changes_ts=diagnosis.changes_ts)


def key_of(room: dict[str, Any]) -> tuple[str, str]:
    return room["dialect"], room["room"]


def line_of_room(room: dict[str, Any]) -> str:
    count = len(room["peers"])
    return f"{visible(room['room'])} · {room['dialect']} · {counted(count, 'peer')}"


def line_of_peer(peer: dict[str, Any], ladder: Ladder | None) -> str:
    """Describe a peer by its label in the verdicts. Peers with the same name have different labels."""
    marks = [mark for mark, is_so in (("host", peer["host"]), ("away", peer["away"])) if is_so]
    label = (peer.get("name") or peer["peer"]) if ladder is None else ladder.labels.of(peer["peer"])
    return " · ".join([visible(label), *marks])
