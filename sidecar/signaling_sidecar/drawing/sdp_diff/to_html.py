"""Draws the difference of two session descriptions as HTML with two columns, without a script or a style sheet.

Equal lines are folded (by `<details>`), except for a few around each change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from signaling_sidecar.drawing.markup import framed, text
from signaling_sidecar.drawing.sdp_diff.sections import Mark, Row, Section

_CONTEXT_LINES = 2  # unchanged lines that are shown before and after a change
_LEAST_FOLDED = 3  # unchanged lines; fewer lines take no more space than the closed `<details>`
_FONT = "font:12px/1.5 var(--jp-code-font-family,ui-monospace,monospace)"
_GRID = "display:grid;grid-template-columns:1fr 1fr;column-gap:12px"
_WIDTH = "max-width:1160px"
_SIGNS = {Mark.SAME: ("", ""), Mark.CHANGED: ("-", "+"), Mark.REMOVED: ("-", ""), Mark.ADDED: ("", "+")}
_TONES = ("229,72,77", "33,150,83")  # red for removed lines, green for added lines; the signs in `_SIGNS` mean the same


def sdp_diff_html(title: str, other_title: str, sections: Sequence[Section]) -> str:
    """Draw the difference as HTML. Control characters in the descriptions are made visible, and the text is escaped."""
    heads = "".join(f'<div style="font-weight:600">{text(each)}</div>' for each in (title, other_title))
    body = "".join(part for section in sections for part in _section(section))
    changes = sum(section.changes for section in sections)
    return framed(_count(changes), f'<div style="{_WIDTH}"><div style="{_GRID}">{heads}</div>{body}</div>')


def _section(section: Section) -> Iterator[str]:
    yield '<div style="margin:8px 0 2px;border-bottom:1px solid #8b929c">'
    yield f'<b>{text(section.title)}</b> <span style="opacity:.75">· {_count(section.changes)}</span></div>'
    for folded, rows in _folds(section.rows):
        drawn = "".join(cell for row in rows for cell in _cells(row))
        block = f'<div style="{_GRID};{_FONT}">{drawn}</div>'
        summary = f'<summary style="opacity:.75">{len(rows)} equal lines</summary>'
        yield f"<details>{summary}{block}</details>" if folded else block


def _count(changes: int) -> str:
    return f"{changes or 'no'} {'lines differ' if changes > 1 else 'line differs'}"


def _folds(rows: Sequence[Row]) -> Iterator[tuple[bool, list[Row]]]:
    changed = [at for at, row in enumerate(rows) if row.mark is not Mark.SAME]
    near = {at + by for at in changed for by in range(-_CONTEXT_LINES, _CONTEXT_LINES + 1)}
    for is_near, group in groupby(range(len(rows)), key=near.__contains__):
        found = [rows[at] for at in group]
        yield not is_near and len(found) >= _LEAST_FOLDED, found


def _cells(row: Row) -> Iterator[str]:
    for line, sign, tone in zip((row.one, row.other), _SIGNS[row.mark], _TONES, strict=True):
        ground = f";background:rgba({tone},.18);border-left:3px solid rgb({tone})" if sign else ""
        style = f"padding-left:{4 if sign else 7}px;overflow-wrap:anywhere{ground}"
        yield f'<div style="{style}">{sign or "&#160;"} {text(line or "")}</div>'
