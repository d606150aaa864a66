"""Draws a timeline as HTML with inline SVG, without a script or a style sheet, for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from signaling_sidecar.counted import counted
from signaling_sidecar.drawing.elapsed import DAY_S, LONG_S, on_a_clock, since_start
from signaling_sidecar.drawing.markup import (
    BOLD_CHARACTER_PX,
    MAX_HEIGHT_PX,
    Meaning,
    cut,
    framed,
    legend,
    scrolled,
    svg,
    text,
)
from signaling_sidecar.drawing.presence import Presence
from signaling_sidecar.drawing.timeline.attendance import Attendance, Change, Mark, Moment, Row
from signaling_sidecar.drawing.timeline.to_text import summary

_NAMES_PX = 150
_BAR_PX = 620
_SUMMARY_PX = 400  # space for "here 1.469 s, away 0.082 s, reconnected 2 times, page reloaded 2 times, left (lost)"
_WIDTH_PX = _NAMES_PX + _BAR_PX + _SUMMARY_PX
_ROW_PX = 26
_AXIS_PX = 22
_LANE_PX = 15  # height of a line of labels for events of the room
_LABEL_CHARACTER_PX = 6.5  # width of a rather wide character in the 12 px text of a label
_TICKS = 6  # approximate number of ticks on the axis
_LONG_STEPS_S = (120, 300, 600, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY_S)

_HERE, _AWAY, _OF_ROOM, _OF_SERVER = "#219653", "#d9822b", "#8b929c", "#9b51e0"


def timeline_html(title: str, attendance: Attendance) -> str:
    """Draw a timeline as HTML. Control characters in text from peers are made visible, and the text is escaped."""
    bars = scrolled("Timeline", _bars(attendance), style=f";max-height:{MAX_HEIGHT_PX}px")
    return framed(f"{title} · {counted(len(attendance.rows), 'session')}", bars + _legend())


def timeline_drawing(attendance: Attendance) -> str:
    """Draw a timeline for a page that has a title, and that scrolls the drawing."""
    return _bars(attendance) + _legend()


def _bars(attendance: Attendance) -> str:
    lanes = _lanes(attendance)
    head_px = (max(lanes, default=-1) + 1) * _LANE_PX + _AXIS_PX
    rows_px = max(len(attendance.rows), 1) * _ROW_PX
    head = "".join((*_labels(attendance, lanes, head_px), *_axis(attendance, head_px)))
    lines = "".join(_line(moment, attendance, 0, rows_px) for moment in attendance.moments)
    rows = "".join(part for at, row in enumerate(attendance.rows) for part in _row(at, row, attendance))
    return svg(_WIDTH_PX, head_px, head) + svg(_WIDTH_PX, rows_px, lines + rows)


def _x(ts: float, attendance: Attendance) -> float:
    total_s = attendance.ended_ts - attendance.began_ts
    return round(_NAMES_PX + ((ts - attendance.began_ts) / total_s * _BAR_PX if total_s > 0 else 0), 1)


def _lanes(attendance: Attendance) -> list[int]:
    """Assign each label to the first line of text in which it does not overlap an earlier label."""
    ends: list[float] = []
    lanes = []
    for moment in attendance.moments:
        x = _x(moment.ts, attendance)
        lane = next((lane for lane, end in enumerate(ends) if end < x), len(ends))
        ends[lane : lane + 1] = [x + len(moment.label) * _LABEL_CHARACTER_PX + 8]
        lanes.append(lane)
    return lanes


def _labels(attendance: Attendance, lanes: list[int], head_px: int) -> Iterator[str]:
    for moment, lane in zip(attendance.moments, lanes, strict=True):
        y = (lane + 1) * _LANE_PX - 3
        yield _line(moment, attendance, y - 9, head_px - _AXIS_PX)  # the line ends above the numbers of the axis
        yield f'<text x="{_x(moment.ts, attendance) + 4}" y="{y}">{text(moment.label)}</text>'


def _line(moment: Moment, attendance: Attendance, top: int, bottom: int) -> str:
    x = _x(moment.ts, attendance)
    colour, dashes = (_OF_SERVER, "") if moment.is_server else (_OF_ROOM, ' stroke-dasharray="4 3"')
    title = f"<title>{text(moment.label)} {since_start(moment.ts - attendance.began_ts)}</title>"
    return f'<path d="M{x} {top}V{bottom}" stroke="{colour}" stroke-width="1.5"{dashes}>{title}</path>'


def _axis(attendance: Attendance, head_px: int) -> Iterator[str]:
    total_s = attendance.ended_ts - attendance.began_ts
    step_s = _step_s(total_s)
    for tick in range(int(total_s / step_s) + 1):
        x = _x(attendance.began_ts + tick * step_s, attendance)
        label = f"+{round(tick * step_s, 3):g} s" if total_s < LONG_S else f"+{on_a_clock(tick * step_s)}"
        yield f'<text x="{x}" y="{head_px - 7}" text-anchor="middle" opacity=".6">{label}</text>'
        yield f'<path d="M{x} {head_px - 4}v4" stroke="currentColor" opacity=".6"/>'


def _step_s(total_s: float) -> float:
    """Return the seconds between two ticks: a round number of seconds, or in a long timeline of minutes, hours or
    days."""
    rough_s = max(total_s, 0.001) / _TICKS
    if total_s >= LONG_S and rough_s <= DAY_S:
        return next(step_s for step_s in _LONG_STEPS_S if step_s >= rough_s)
    unit_s = DAY_S if total_s >= LONG_S else 1
    power = unit_s * 10.0 ** floor(log10(rough_s / unit_s))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough_s)


def _row(at: int, row: Row, attendance: Attendance) -> Iterator[str]:
    middle = _ROW_PX // 2
    yield f'<g transform="translate(0,{at * _ROW_PX})"><title>{text(f"{row.label} {row.peer} {row.session}")}</title>'
    yield f'<rect width="{_WIDTH_PX}" height="{_ROW_PX}" opacity="{".04" if at % 2 else "0"}"/>'
    yield f'<text x="4" y="{middle + 4}" font-weight="600">{cut(row.label, _NAMES_PX - 8, BOLD_CHARACTER_PX)}</text>'
    for span in row.spans:
        since, until = _x(span.since_ts, attendance), _x(span.until_ts, attendance)
        yield _bar(span.presence, since, max(until - since, 1), middle)
    for mark in row.marks:
        yield _mark(mark, _x(mark.ts, attendance), middle, attendance)
    yield f'<text x="{_NAMES_PX + _BAR_PX + 14}" y="{middle + 4}" opacity=".75">{cut(summary(row), _SUMMARY_PX)}</text>'
    yield "</g>"


def _bar(presence: Presence, x: float, width: float, middle: int) -> str:
    if presence is Presence.HERE:
        return f'<rect x="{x}" y="{middle - 5}" width="{width:.1f}" height="10" fill="{_HERE}" opacity=".75"/>'
    return (
        f'<rect x="{x}" y="{middle - 4}" width="{width:.1f}" height="8" fill="{_AWAY}" fill-opacity=".4"'
        f' stroke="{_AWAY}" stroke-dasharray="3 2"/>'
    )


def _mark(mark: Mark, x: float, middle: int, attendance: Attendance) -> str:
    detail = f" ({mark.detail})" if mark.detail else ""
    said = f"{mark.change}{detail}, {since_start(mark.ts - attendance.began_ts)}, seq {mark.seq}"
    return f"<g><title>{text(said)}</title>{_shape(mark.change, x, middle)}</g>"


def _shape(change: Change, x: float, y: int) -> str:
    match change:
        case Change.JOINED:
            return f'<circle cx="{x}" cy="{y}" r="5" fill="{_HERE}"/>'
        case Change.RECONNECTED:
            return f'<path d="M{x} {y - 7}l5 7-5 7-5-7z"/>'
        case Change.RELOADED:  # a circular arrow
            ring = f'<path d="M{x + 5} {y - 3}a6 6 0 1 0 1 4" fill="none" stroke="currentColor" stroke-width="2"/>'
            return f'{ring}<path d="M{x + 7.5} {y - 7}v6.5h-6.5z"/>'
    return f'<path d="M{x - 5} {y - 5}l10 10m0-10l-10 10" stroke="#e5484d" stroke-width="2.5"/>'


def _legend() -> str:
    bars = (Meaning(_bar(presence, 1, 24, 13), presence, 32) for presence in (Presence.HERE, Presence.AWAY))
    marks = (Meaning(_shape(change, 7, 13), change, 20) for change in Change)
    return legend((*bars, *marks))
