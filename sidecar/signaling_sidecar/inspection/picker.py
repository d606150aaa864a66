"""One list of rooms, and the ladder of the chosen one below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from signaling_sidecar.inspection.drawing_widget import DrawingWidget
from signaling_sidecar.inspection.notebook_extra import notebook_extra
from signaling_sidecar.inspection.room_choice import RoomInLog, rooms_in
from signaling_sidecar.untrusted_text import shortened

with notebook_extra():
    import ipywidgets

if TYPE_CHECKING:
    from signaling_sidecar.inspection.event_log import EventLog

_NAME_CELLS = 60  # of a room's name in the list; the ladder below has it whole


def room_picker(log: EventLog) -> ipywidgets.VBox:
    """Make the box. Needs no running sidecar and keeps nothing running; an empty log gives an empty list."""
    there = rooms_in(log.rooms)
    choice = ipywidgets.Dropdown(
        options=[(f"{shortened(c.room, _NAME_CELLS)} ({c.dialect}, boot {c.boot[:8]})", c) for c in there],
        description="room",
    )
    drawing = DrawingWidget()

    def draw(chosen: RoomInLog | None) -> None:
        drawing.show(None if chosen is None else log.ladder(chosen.room, chosen.dialect, chosen.boot))

    def chosen(change: dict[str, Any]) -> None:
        draw(change["new"])

    choice.observe(chosen, names="value")
    draw(choice.value)
    return ipywidgets.VBox([choice, drawing])
