"""A ladder in characters, for a terminal, a log, or a screen reader."""

from __future__ import annotations

from collections.abc import Sequence

from signaling_sidecar.inspection.steps import Column, Look, Presence, Step
from signaling_sidecar.untrusted_text import shortened, shown_width, visible

_TIMES_CELLS = 26  # "12:00:00.000  +    0.000  "
_COLUMN_CELLS = range(16, 33)  # narrower cuts every label; the widest holds "candidate host udp private" and an arrow
_ARROW_CELLS = (
    6  # between two lifelines that a label leaves: a dash, spaces around it, a dash, the head; and one lifeline
)
_LIFELINE = {Presence.HERE: "│", Presence.AWAY: "┊", Presence.ABSENT: " "}
_MARK = {
    Look.JOINED: "●",
    Look.BACK: "●",
    Look.AWAY: "○",
    Look.LEFT: "✕",
    Look.REFUSED: "✗",
    Look.UPDATED: "•",
    Look.CONNECTED: "◆",
    Look.DISCONNECTED: "◇",
    Look.FAILED: "✗",
}


def ladder_text(title: str, columns: Sequence[Column], steps: Sequence[Step]) -> str:
    """Draw it; every foreign text is one visible line."""
    width = _column_width(columns, steps)
    lines = [visible(title), ""]
    names, peers = [column.name or "" for column in columns], [column.peer for column in columns]
    for texts in (names, peers) if any(names) else (peers,):
        header = _Cells(len(columns), width)
        for at, text in enumerate(texts):
            header.write(header.center(at), shortened(text, width - 2), centered=True)
        lines.append(str(header))
    for step in steps:
        elapsed_s = (step.time - steps[0].time).total_seconds()
        cells = _Cells(len(columns), width)
        cells.draw(step)
        lines.append(f"{step.time:%H:%M:%S.%f}"[:-3] + f"  +{elapsed_s:9.3f}  " + str(cells)[_TIMES_CELLS:])
    return "\n".join(lines)


def _column_width(columns: Sequence[Column], steps: Sequence[Step]) -> int:
    texts = [text for column in columns for text in (column.name or "", column.peer)]
    texts += [step.label for step in steps if step.column is not None]
    wanted = max((shown_width(visible(text)) for text in texts), default=0) + _ARROW_CELLS
    return min(max(wanted, _COLUMN_CELLS[0]), _COLUMN_CELLS[-1])


class _Cells:
    """One line of the drawing, by its cells; the second cell of a wide character is empty."""

    def __init__(self, columns: int, width: int) -> None:
        self._width = width
        self._cells = [" "] * (_TIMES_CELLS + max(columns, 1) * width)

    def __str__(self) -> str:
        return "".join(self._cells).rstrip()

    def center(self, column: int) -> int:
        return _TIMES_CELLS + column * self._width + self._width // 2

    def write(self, cell: int, text: str, *, centered: bool = False) -> None:
        """Write visible text from `cell` on, or around it; the line grows when it must."""
        start = cell - shown_width(text) // 2 if centered else cell
        shown = [part for c in text for part in ([c, ""] if shown_width(c) == 2 else [c])]
        self._cells[start : start + len(shown)] = shown

    def draw(self, step: Step) -> None:
        for column, presence in enumerate(step.presence):
            self.write(self.center(column), _LIFELINE[presence])
        if step.column is None:
            self.write(_TIMES_CELLS, f"── {visible(step.label)} ──")
        elif step.to:
            self._arrows(step, step.column)
        else:
            self.write(self.center(step.column), _MARK.get(step.look, "•"))
            self.write(self.center(step.column) + 2, shortened(step.label, self._label_cells(step, step.column)))

    def _label_cells(self, step: Step, column: int) -> int:
        return self._width - 3 if column + 1 < len(step.presence) else 10 * self._width

    def _arrows(self, step: Step, column: int) -> None:
        line = "╌" if step.look is Look.REFUSED else "─"
        start, ends = self.center(column), [self.center(to) for to in step.to]
        far_left, far_right = min(start, *ends), max(start, *ends)
        self.write(far_left + 1, line * (far_right - far_left - 1))
        self.write(start, "┼" if far_left < start < far_right else "├" if start < far_right else "┤")
        for end in ends:
            head = "✗" if step.look is Look.REFUSED else "►" if end > start else "◄"
            self.write(end - 1 if end > start else end + 1, head)
        label = shortened(step.label, self._width - _ARROW_CELLS)
        beside = min(ends, key=lambda end: (abs(end - start), -end))  # the nearest: no lifeline is under the label
        left_edge = min(start, beside) + (2 if beside > start else 3)
        free = abs(beside - start) - _ARROW_CELLS - shown_width(label)
        self.write(left_edge + free // 2, f" {label} ")
