"""A list of rooms, and below it the ladder of the selected room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from signaling_sidecar.drawing import Ladder, RoomInLog
from signaling_sidecar.inspection.live.drawing_widget import DrawingWidget
from signaling_sidecar.inspection.notebook_extra import notebook_extra
from signaling_sidecar.untrusted_text import shortened

with notebook_extra():
    import ipywidgets

_NAME_CELLS = 60  # characters of a room's name in the list; the ladder below shows the whole name


def room_picker(rooms: Sequence[RoomInLog], ladder_of: Callable[[RoomInLog], Ladder]) -> ipywidgets.VBox:
    """Create a box with a list of the rooms and a ladder. The box needs no running sidecar, and runs no
    background task."""
    choice = ipywidgets.Dropdown(
        options=[(f"{shortened(c.room, _NAME_CELLS)} ({c.dialect}, boot {c.boot[:8]})", c) for c in rooms],
        description="room",
    )
    drawing = DrawingWidget()

    def draw(chosen: RoomInLog | None) -> None:
        drawing.show(None if chosen is None else ladder_of(chosen))

    def chosen(change: dict[str, Any]) -> None:
        draw(change["new"])

    choice.observe(chosen, names="value")
    draw(choice.value)
    return ipywidgets.VBox([choice, drawing])
