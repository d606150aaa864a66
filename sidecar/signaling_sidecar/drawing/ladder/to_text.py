"""Draws a ladder with characters, for a terminal, a log, or a screen reader."""

from __future__ import annotations

from collections.abc import Sequence

from signaling_sidecar.drawing.elapsed import LONG_S, on_a_clock
from signaling_sidecar.drawing.ladder.cells import Cells
from signaling_sidecar.drawing.ladder.steps import Column, Look, Step
from signaling_sidecar.drawing.presence import Presence
from signaling_sidecar.untrusted_text import shortened, shown_width, visible

_CLOCK_CELLS = 14  # "12:00:00.000  "
# The possible widths of a column. Labels would not fit into a narrower one. "candidate host udp private" and an arrow
# fit into the widest.
_COLUMN_CELLS = range(16, 33)
# The cells of an arrow without its label: a lifeline, a dash, a space on each side of the label, a dash, and the head.
_ARROW_CELLS = 6
_NAME_CELLS = 20  # cells for a name in a list of steps
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
    title: str, columns: Sequence[Column], steps: Sequence[Step], width: int | None, *, colour: bool
) -> str:
    """Draw a ladder as text. Control characters and line breaks in text from peers are made visible.

    No line is wider than `width` cells. If the columns are too wide for that, first the time of day is left out, and
    then the columns become narrower. If the labels do not fit into the narrowest columns, the steps are a list
    without columns.
    """
    wanted_cells = _column_cells(columns, steps)
    count = max(len(columns), 1)
    elapsed = [_elapsed((step.time - steps[0].time).total_seconds()) for step in steps]
    elapsed_cells = max(map(len, elapsed), default=0)
    has_clock = width is None or _CLOCK_CELLS + elapsed_cells + 2 + wanted_cells * count <= width
    left = elapsed_cells + 2 + (_CLOCK_CELLS if has_clock else 0)
    column_cells = wanted_cells if width is None else min(wanted_cells, (width - left) // count)
    is_diagram = column_cells >= _COLUMN_CELLS[0]
    heads = _heads(columns, left, column_cells) if is_diagram else []
    rows = [_drawn(step, left, column_cells) if is_diagram else _listed(step, columns, left) for step in steps]
    for step, row, since in zip(steps, rows, elapsed, strict=True):
        clock = f"{step.time:%H:%M:%S.%f}"[:-3] + "  " if has_clock else ""
        row.write(0, f"{clock}{since:>{elapsed_cells}}")
    heading = visible(title) if width is None else shortened(title, width)
    return "\n".join([heading, "", *(line.shown(width, colour=colour) for line in (*heads, *rows))])


def _elapsed(seconds: float) -> str:
    sign = "-" if seconds < 0 else "+"
    return sign + (f"{abs(seconds):9.3f}" if abs(seconds) < LONG_S else on_a_clock(abs(seconds), with_ms=True))


def _column_cells(columns: Sequence[Column], steps: Sequence[Step]) -> int:
    texts = [text for column in columns for text in (column.name or "", column.peer)]
    texts += [step.label for step in steps if step.column is not None]
    wanted = max((shown_width(visible(text)) for text in texts), default=0) + _ARROW_CELLS
    return min(max(wanted, _COLUMN_CELLS[0]), _COLUMN_CELLS[-1])


def _heads(columns: Sequence[Column], left: int, column_cells: int) -> list[Cells]:
    """Write the names of the peers, and below them their ids."""
    names, peers = [column.name or "" for column in columns], [column.peer for column in columns]
    lines = []
    for texts in (names, peers) if any(names) else (peers,):
        row = _Row(len(columns), left, column_cells)
        for at, text in enumerate(texts):
            row.cells.write_centred(row.centre(at), shortened(text, column_cells - 2))
        lines.append(row.cells)
    return lines


def _drawn(step: Step, left: int, column_cells: int) -> Cells:
    row = _Row(len(step.presence), left, column_cells)
    row.draw(step)
    return row.cells


class _Row:
    """One line of the diagram, whose columns begin at the cell `left`."""

    def __init__(self, columns: int, left: int, column_cells: int) -> None:
        self._left, self._width = left, column_cells
        self.cells = Cells(left + max(columns, 1) * column_cells)

    def centre(self, column: int) -> int:
        return self._left + column * self._width + self._width // 2

    def draw(self, step: Step) -> None:
        colour = _COLOURS[step.look]
        for column, presence in enumerate(step.presence):
            self.cells.write(self.centre(column), _LIFELINE[presence])
        if step.column is None:
            self.cells.write(self._left, f"── {visible(step.label)} ──", colour=colour)
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
        beside = min(
            ends, key=lambda end: (abs(end - start), -end)
        )  # the label is beside the nearest receiver, so that it hides no other lifeline
        label = shortened(step.label, abs(beside - start) - _ARROW_CELLS)
        left_edge = min(start, beside) + (2 if beside > start else 3)
        free = abs(beside - start) - _ARROW_CELLS - shown_width(label)
        self.cells.write(left_edge + free // 2, f" {label} ", colour=colour)


def _listed(step: Step, columns: Sequence[Column], left: int) -> Cells:
    """Write a step as one line of text: its peer, the receivers, and what happened."""
    line = Cells(left)
    if step.column is None:
        text = f"── {visible(step.label)} ──"
    else:
        arrow = "✗" if step.look is Look.REFUSED else "→"
        text = f"{_name(columns[step.column])} {arrow if step.to else _MARK.get(step.look, '•')} "
        text += (f"{_receivers(step, columns)}: " if step.to else "") + visible(step.label)
    line.write(left, text, colour=_COLOURS[step.look])
    return line


def step_in_words(step: Step, columns: Sequence[Column]) -> str:
    """Describe a step in words, without arrows and other symbols, for a screen reader."""
    if step.column is None:
        return visible(step.label)
    who = _name(columns[step.column])
    return (
        f"{who} to {_receivers(step, columns)}: {visible(step.label)}" if step.to else f"{who}: {visible(step.label)}"
    )


def _receivers(step: Step, columns: Sequence[Column]) -> str:
    return "all" if step.record.to is None else ", ".join(_name(columns[each]) for each in step.to)


def _name(column: Column) -> str:
    return shortened(column.name or column.peer, _NAME_CELLS)
