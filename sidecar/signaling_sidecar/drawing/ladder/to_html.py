"""Draws a ladder as HTML with inline SVG, which needs no script and no style sheet, and suits light and dark pages.

The whole ladder is one element. A page that shows only some of the rows at a time can draw each row separately.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signaling_sidecar.counted import counted
from signaling_sidecar.drawing.elapsed import LONG_S, since_start
from signaling_sidecar.drawing.ladder.steps import Column, Look, Step
from signaling_sidecar.drawing.markup import BOLD_CHARACTER_PX, MAX_HEIGHT_PX, cut, framed, scrolled, svg, text
from signaling_sidecar.drawing.presence import Presence

_TIMES_PX = 200  # wide enough for a time of day and "+12 d 13:53:20"
ROW_PX = 24
_COLUMN_PX = 220  # wide enough for the longest usual label, "candidate host udp private", and an arrowhead
_MARGIN_PX = 110  # space to the right of the last column, for the labels of its marks
_HEADER_PX = 40
_ID_CHARACTER_PX = 7.7  # the width of a digit; few letters are wider

_COLOURS = {
    Look.OFFER: "#2f80ed",
    Look.ANSWER: "#219653",
    Look.CANDIDATE: "#8b929c",
    Look.OTHER: "#9b51e0",
    Look.REFUSED: "#e5484d",
    Look.JOINED: "#219653",
    Look.BACK: "#219653",
    Look.AWAY: "#d9822b",
    Look.LEFT: "#8b929c",
    Look.UPDATED: "#8b929c",
    Look.CONNECTED: "#219653",
    Look.DISCONNECTED: "#d9822b",
    Look.FAILED: "#e5484d",
    Look.NOTE: "#8b929c",
}
_PAPER = "background:var(--jp-layout-color0,var(--vscode-editor-background,Canvas))"
_FRAME = "border:solid var(--jp-border-color2,#8b929c);border-width:1px 0"  # borders of a list that scrolls


def ladder_html(title: str, columns: Sequence[Column], steps: Sequence[Step]) -> str:
    """Draw a ladder as HTML. Control characters in text from peers are made visible, and the text is escaped."""
    width = ladder_width_px(columns)
    rows = "".join(part for row, step in enumerate(steps) for part in _row(row, step, steps[0], width, y=row * ROW_PX))
    head = f'<div style="position:sticky;top:0;{_PAPER};width:{width}px">{ladder_head(columns, steps)}</div>'
    table = head + svg(width, len(steps) * ROW_PX, rows)
    style = f";max-height:{MAX_HEIGHT_PX}px;{_FRAME}"
    return framed(
        f"{title} · {counted(len(steps), 'row')}", scrolled("Messages", table, style=style, marks=' data-rows=""')
    )


def ladder_width_px(columns: Sequence[Column]) -> int:
    return _TIMES_PX + max(len(columns), 1) * _COLUMN_PX + _MARGIN_PX


def ladder_head(columns: Sequence[Column], steps: Sequence[Step]) -> str:
    """Draw the names above the columns, as one `<svg>` element."""
    is_long = bool(steps) and _elapsed_s(steps[-1], steps[0]) >= LONG_S
    return svg(ladder_width_px(columns), _HEADER_PX, "".join(_heads(columns, "h:m:s" if is_long else "s")))


def ladder_row(row: int, step: Step, first: Step, columns: Sequence[Column]) -> str:
    """Draw one row as one `<svg>` element, whose height is `ROW_PX`. `first` is the first step of the whole ladder."""
    width = ladder_width_px(columns)
    return svg(width, ROW_PX, "".join(_row(row, step, first, width, y=0)))


def _elapsed_s(step: Step, first: Step) -> float:
    return (step.time - first.time).total_seconds()


def _heads(columns: Sequence[Column], unit: str) -> Iterator[str]:
    yield '<text x="4" y="32" opacity=".6">UTC</text>'
    yield f'<text x="{_TIMES_PX - 12}" y="32" text-anchor="end" opacity=".6">{unit}</text>'
    for at, column in enumerate(columns):
        name, peer = column.name or column.peer, column.peer if column.name else ""
        shown_name = cut(name, _COLUMN_PX, BOLD_CHARACTER_PX)
        yield (
            f'<g text-anchor="middle"><title>{text(f"{name} {peer}")}</title>'
            f'<text x="{_x(at)}" y="16" font-weight="600" font-size="13">{shown_name}</text>'
            f'<text x="{_x(at)}" y="32" opacity=".6">{cut(peer, _COLUMN_PX - 8, _ID_CHARACTER_PX)}</text></g>'
        )


def _row(row: int, step: Step, first: Step, width: int, *, y: int) -> Iterator[str]:
    elapsed = since_start(_elapsed_s(step, first)).removesuffix(" s")
    about = (step.label, step.detail, f"{step.time:%Y-%m-%d %H:%M:%S.%f} UTC, seq {step.seq}")
    yield f'<g data-seq="{step.seq}" tabindex="-1" transform="translate(0,{y})">'
    yield f"<title>{'&#10;'.join(text(line) for line in about if line)}</title>"
    yield f'<rect width="{width}" height="{ROW_PX}" opacity="{".04" if row % 2 else "0"}"/>'
    clock = f"{step.time:%H:%M:%S.%f}"[:-3]
    yield f'<text x="4" y="16" opacity=".6">{clock}</text>'
    yield f'<text x="{_TIMES_PX - 12}" y="16" text-anchor="end">{elapsed}</text>'
    yield from _lifelines(step)
    yield from _drawing(step, width)
    yield "</g>"


def _lifelines(step: Step) -> Iterator[str]:
    for at, presence in enumerate(step.presence):
        if presence is not Presence.ABSENT:
            dashes = ' stroke-dasharray="2 4"' if presence is Presence.AWAY else ""
            yield f'<path d="M{_x(at)} 0V{ROW_PX}" stroke="currentColor" opacity=".35"{dashes}/>'


def _drawing(step: Step, width: int) -> Iterator[str]:
    colour = _COLOURS[step.look]
    if step.column is None:
        yield f'<path d="M{_TIMES_PX} 20H{width - 4}" stroke="{colour}" stroke-dasharray="4 4" opacity=".6"/>'
        yield _label(_TIMES_PX, "start", step.label, width - _TIMES_PX)
    elif step.to:
        for to in step.to:
            yield from _arrow(_x(step.column), _x(to), colour, refused=step.look is Look.REFUSED)
        yield from _arrow_label(step, step.column)
    else:
        yield _mark(step.look, _x(step.column), colour)
        yield _label(_x(step.column) + 10, "start", step.label, _COLUMN_PX - 16)


def _arrow(x1: int, x2: int, colour: str, *, refused: bool) -> Iterator[str]:
    back = -1 if x2 > x1 else 1
    tip = x2 + back * 3
    yield f'<g stroke="{colour}" stroke-width="1.5"><circle cx="{x1}" cy="18" r="2" fill="{colour}"/>'
    if refused:
        end = tip + back * 10
        yield f'<path d="M{x1} 18H{end}" stroke-dasharray="5 3"/><path d="M{end - 4} 14l8 8m0-8l-8 8" fill="none"/></g>'
    else:
        yield f'<path d="M{x1} 18H{tip}"/><path d="M{tip} 18l{back * 7}-4v8z" fill="{colour}"/></g>'


def _arrow_label(step: Step, column: int) -> Iterator[str]:
    to_the_right = any(to > column for to in step.to)
    x = _x(column) + (8 if to_the_right else -8)
    yield _label(x, "start" if to_the_right else "end", step.label, _COLUMN_PX - 16)


def _mark(look: Look, x: int, colour: str) -> str:
    if look in (Look.LEFT, Look.REFUSED):
        return f'<path d="M{x - 5} 7l10 10m0-10l-10 10" stroke="{colour}" stroke-width="2"/>'
    fill = "none" if look in (Look.AWAY, Look.DISCONNECTED) else colour
    if look in (Look.CONNECTED, Look.DISCONNECTED, Look.FAILED):
        return f'<path d="M{x - 6} 12l6-6 6 6-6 6z" fill="{fill}" stroke="{colour}" stroke-width="2"/>'
    return f'<circle cx="{x}" cy="12" r="5" fill="{fill}" stroke="{colour}" stroke-width="2"/>'


def _label(x: int, anchor: str, text: str, room_px: float) -> str:
    return f'<text x="{x}" y="14" text-anchor="{anchor}">{cut(text, room_px)}</text>'


def _x(column: int) -> int:
    return _TIMES_PX + column * _COLUMN_PX + _COLUMN_PX // 2
