"""A ladder in characters, for a terminal, a log, or a screen reader."""

from __future__ import annotations

from collections.abc import Sequence

from signaling_sidecar.drawing.ladder.cells import Cells
from signaling_sidecar.drawing.ladder.steps import Column, Look, Step
from signaling_sidecar.drawing.presence import Presence
from signaling_sidecar.untrusted_text import shortened, shown_width, visible

_TIMES_CELLS = 26  # "12:00:00.000  +    0.000  "
_COLUMN_CELLS = range(16, 33)  # the widest holds "candidate host udp private" and an arrow
_LEAST_COLUMN_CELLS = 12  # of a narrow terminal; in less no label can be read
_ARROW_CELLS = (
    6  # between two lifelines that a label leaves: a dash, spaces around it, a dash, the head; and one lifeline
)
_NAME_CELLS = 20  # of a name in a list of steps
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
_RED, _GREEN, _YELLOW, _BLUE, _MAGENTA, _GREY = (f"\x1b[{code}m" for code in (31, 32, 33, 34, 35, 90))
_COLOURS = {
    Look.OFFER: _BLUE,
    Look.ANSWER: _GREEN,
    Look.CANDIDATE: _GREY,
    Look.OTHER: _MAGENTA,
    Look.REFUSED: _RED,
    Look.JOINED: _GREEN,
    Look.BACK: _GREEN,
    Look.AWAY: _YELLOW,
    Look.LEFT: _GREY,
    Look.UPDATED: _GREY,
    Look.CONNECTED: _GREEN,
    Look.DISCONNECTED: _YELLOW,
    Look.FAILED: _RED,
    Look.NOTE: _GREY,
}


def ladder_text(
    title: str, columns: Sequence[Column], steps: Sequence[Step], width: int | None = None, *, colour: bool = False
) -> str:
    """Draw it. Every text from a peer is made visible, and takes one line.

    No line is wider than `width` cells. If the peers' columns do not fit in that, the steps are a list without columns.
    """
    column_cells = _column_cells(columns, steps)
    if width is not None:
        column_cells = min(column_cells, (width - _TIMES_CELLS) // max(len(columns), 1))
    is_diagram = column_cells >= _LEAST_COLUMN_CELLS
    heads = _heads(columns, column_cells) if is_diagram else []
    rows = [_drawn(step, column_cells) if is_diagram else _listed(step, columns) for step in steps]
    for step, row in zip(steps, rows, strict=True):
        elapsed_s = (step.time - steps[0].time).total_seconds()
        row.write(0, f"{step.time:%H:%M:%S.%f}"[:-3] + f"  +{elapsed_s:9.3f}")
    heading = visible(title) if width is None else shortened(title, width)
    return "\n".join([heading, "", *(line.shown(width, colour=colour) for line in (*heads, *rows))])


def _column_cells(columns: Sequence[Column], steps: Sequence[Step]) -> int:
    texts = [text for column in columns for text in (column.name or "", column.peer)]
    texts += [step.label for step in steps if step.column is not None]
    wanted = max((shown_width(visible(text)) for text in texts), default=0) + _ARROW_CELLS
    return min(max(wanted, _COLUMN_CELLS[0]), _COLUMN_CELLS[-1])


def _heads(columns: Sequence[Column], column_cells: int) -> list[Cells]:
    """Write the names of the peers, and below them their ids."""
    names, peers = [column.name or "" for column in columns], [column.peer for column in columns]
    lines = []
    for texts in (names, peers) if any(names) else (peers,):
        row = _Row(len(columns), column_cells)
        for at, text in enumerate(texts):
            row.cells.write_centred(row.centre(at), shortened(text, column_cells - 2))
        lines.append(row.cells)
    return lines


def _drawn(step: Step, column_cells: int) -> Cells:
    row = _Row(len(step.presence), column_cells)
    row.draw(step)
    return row.cells


class _Row:
    """One line of the diagram."""

    def __init__(self, columns: int, column_cells: int) -> None:
        self._width = column_cells
        self.cells = Cells(_TIMES_CELLS + max(columns, 1) * column_cells)

    def centre(self, column: int) -> int:
        return _TIMES_CELLS + column * self._width + self._width // 2

    def draw(self, step: Step) -> None:
        colour = _COLOURS[step.look]
        for column, presence in enumerate(step.presence):
            self.cells.write(self.centre(column), _LIFELINE[presence])
        if step.column is None:
            self.cells.write(_TIMES_CELLS, f"── {visible(step.label)} ──", colour=colour)
        elif step.to:
            self._arrows(step, step.column, colour)
        else:
            label = shortened(step.label, self._label_cells(step, step.column))
            self.cells.write(self.centre(step.column), _MARK.get(step.look, "•"), colour=colour)
            self.cells.write(self.centre(step.column) + 2, label, colour=colour)

    def _label_cells(self, step: Step, column: int) -> int:
        return self._width - 3 if column + 1 < len(step.presence) else 10 * self._width

    def _arrows(self, step: Step, column: int, colour: str) -> None:
        line = "╌" if step.look is Look.REFUSED else "─"
        start, ends = self.centre(column), [self.centre(to) for to in step.to]
        far_left, far_right = min(start, *ends), max(start, *ends)
        self.cells.write(far_left + 1, line * (far_right - far_left - 1), colour=colour)
        self.cells.write(start, "┼" if far_left < start < far_right else "├" if start < far_right else "┤")
        for end in ends:
            head = "✗" if step.look is Look.REFUSED else "►" if end > start else "◄"
            self.cells.write(end - 1 if end > start else end + 1, head, colour=colour)
        label = shortened(step.label, self._width - _ARROW_CELLS)
        beside = min(ends, key=lambda end: (abs(end - start), -end))  # the nearest, so that no lifeline is overwritten
        left_edge = min(start, beside) + (2 if beside > start else 3)
        free = abs(beside - start) - _ARROW_CELLS - shown_width(label)
        self.cells.write(left_edge + free // 2, f" {label} ", colour=colour)


def _listed(step: Step, columns: Sequence[Column]) -> Cells:
    """Write a step as who did it, to whom, and what it was."""
    line = Cells(_TIMES_CELLS)
    if step.column is None:
        text = f"── {visible(step.label)} ──"
    else:
        who = _name(columns[step.column])
        arrow = "✗" if step.look is Look.REFUSED else "→"
        to = "all" if step.record.to is None else ", ".join(_name(columns[each]) for each in step.to)
        text = f"{who} {arrow} {to}: " if step.to else f"{who} {_MARK.get(step.look, '•')} "
        text += visible(step.label)
    line.write(_TIMES_CELLS, text, colour=_COLOURS[step.look])
    return line


def _name(column: Column) -> str:
    return shortened(column.name or column.peer, _NAME_CELLS)
