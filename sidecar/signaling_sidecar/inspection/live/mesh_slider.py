"""A slider for the time of a room, and below it the mesh at that time."""

from __future__ import annotations

from typing import Any

from signaling_sidecar.drawing import RoomMeshes
from signaling_sidecar.inspection.live.drawing_widget import DrawingWidget
from signaling_sidecar.inspection.notebook_extra import notebook_extra

with notebook_extra():
    import ipywidgets

_STEPS = 500  # steps into which the time is divided, because the slider is about 500 px wide
_LEAST_STEP_S = 0.001  # seconds; the resolution of the times in the drawings


def mesh_slider(meshes: RoomMeshes) -> ipywidgets.VBox:
    """Create a box with a slider and a mesh. The box needs no running sidecar, and runs no background task.

    At first, the slider is at the time when the most peers were in the room.
    """
    attendance = meshes.attendance
    total_s = attendance.ended_ts - attendance.began_ts
    slider = ipywidgets.FloatSlider(
        value=attendance.busiest_ts() - attendance.began_ts,
        min=0.0,
        max=total_s,
        step=max(total_s / _STEPS, _LEAST_STEP_S),
        description="time (s)",
        readout_format=".3f",
        layout=ipywidgets.Layout(width="600px"),
    )
    drawing = DrawingWidget()

    def draw(at_s: float) -> None:
        drawing.html = meshes.at(at_s).to_html()

    def moved(change: dict[str, Any]) -> None:
        draw(change["new"])

    slider.observe(moved, names="value")
    draw(slider.value)
    return ipywidgets.VBox([slider, drawing])
