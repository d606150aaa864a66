"""Draws a timeline with characters and one line for each session, for a terminal, a log, or a screen reader."""

from __future__ import annotations

from collections.abc import Iterator

from signaling_sidecar.drawing.elapsed import duration, since_start
from signaling_sidecar.drawing.presence import Presence
from signaling_sidecar.drawing.timeline.attendance import Attendance, Change, Row
from signaling_sidecar.untrusted_text import shortened, shown_width, visible

BAR_CELLS = 60  # leaves space for a name and a summary in a terminal with 120 columns
_NAME_CELLS = 20
_LINE = {Presence.HERE: "━", Presence.AWAY: "┄"}
_MARK = {Change.JOINED: "●", Change.RECONNECTED: "◆", Change.RELOADED: "↻", Change.LEFT: "✕"}
_OF_ROOM, _OF_SERVER = "╷", "│"
_LEGEND = "━ here  ┄ away  ● joined  ◆ another connection  ↻ page reloaded  ✕ left  ╷ room  │ sidecar"


def timeline_text(title: str, attendance: Attendance) -> str:
    """Draw a timeline as text. Control characters and line breaks in text from peers are made visible."""
    names = [shortened(row.label, _NAME_CELLS) for row in attendance.rows]
    width = max(map(shown_width, names), default=0)
    lines = [visible(title), ""]
    end = since_start(attendance.ended_ts - attendance.began_ts)
    lines.append(f"{' ' * width}  +0 s{end:>{BAR_CELLS - 4}}")
    for name, row in zip(names, attendance.rows, strict=True):
        bar = _bar(row, attendance)
        lines.append(f"{name}{' ' * (width - shown_width(name))}  {bar}  {summary(row)}")
    return "\n".join([*lines, "", *_moments(attendance), _LEGEND])


def summary(row: Row) -> str:
    """Describe a row in words: how long the peer was here and away, how often it reconnected, and how it left."""
    away_s = row.seconds(Presence.AWAY)
    facts = [f"here {duration(row.seconds(Presence.HERE))}", f"away {duration(away_s)}" if away_s else None]
    changes = [mark.change for mark in row.marks]
    for change, words in ((Change.RECONNECTED, "reconnected"), (Change.RELOADED, "page reloaded")):
        if times := changes.count(change):
            facts.append(words if times == 1 else f"{words} {times} times")
    left = next((mark for mark in row.marks if mark.change is Change.LEFT), None)
    if left is not None:
        facts.append("left" if left.detail in ("", "left") else f"left ({visible(left.detail)})")
    return ", ".join(filter(None, facts))


def _bar(row: Row, attendance: Attendance) -> str:
    cells = [" "] * BAR_CELLS
    # The periods in which the peer was away are drawn last, so that even a short one is visible.
    for presence in (Presence.HERE, Presence.AWAY):
        for span in row.spans:
            if span.presence is presence:
                first, last = _cell(span.since_ts, attendance), _cell(span.until_ts, attendance)
                cells[first : last + 1] = _LINE[presence] * (last + 1 - first)
    for moment in attendance.moments:
        at = _cell(moment.ts, attendance)
        if moment.is_server or cells[at] == " ":
            cells[at] = _OF_SERVER if moment.is_server else _OF_ROOM
    # If several marks share a cell, the last one in this list is shown, because it is the most important.
    for change in (Change.RECONNECTED, Change.RELOADED, Change.JOINED, Change.LEFT):
        for mark in row.marks:
            if mark.change is change:
                cells[_cell(mark.ts, attendance)] = _MARK[change]
    return "".join(cells)


def _moments(attendance: Attendance) -> Iterator[str]:
    for moment in attendance.moments:
        sign = _OF_SERVER if moment.is_server else _OF_ROOM
        yield f"{sign} {since_start(moment.ts - attendance.began_ts)} {moment.label}"


def _cell(ts: float, attendance: Attendance) -> int:
    total_s = attendance.ended_ts - attendance.began_ts
    return min(int((ts - attendance.began_ts) / total_s * BAR_CELLS), BAR_CELLS - 1) if total_s > 0 else 0
