"""Reads times in the format of a country: `11/28/2026, 3:04:05 PM`, `28.11.2026, 15:04:05`, `2026/11/28 15:04:05`.

In older webrtc-internals dumps, such as those of Chromium 138, the updates have only such times. These times contain no
zone and no fractions of a second, and the order of day and month is unknown. Other times in the dump, in ms since the
epoch, help to find the zone and the order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

WITHIN_S = 1.0  # seconds; the times of these dumps have no fractions of a second
_ZONE_STEP_S = 900  # seconds; the offset of every time zone is a multiple of a quarter of an hour
_FARTHEST_ZONE_S = 14 * 3600  # seconds; the offset of Kiribati is the largest of all time zones
# Day, month and year in some order, then the time of day.
_TIME = re.compile(r"(\d+)\D{1,3}(\d+)\D{1,3}(\d+)\D+?(\d{1,2}):(\d{2})(?::(\d{2}))?")
_AFTERNOON = re.compile("p\\.?\\s?m|오후|下午|午後|μ\\.?μ", re.IGNORECASE)
_MORNING = re.compile("a\\.?\\s?m|오전|上午|午前|π\\.?μ", re.IGNORECASE)


class LocalTimes:
    """Reads the times of one dump.

    The zone is calculated from `known`, if a text in it can be read: pairs of a text and the same time in seconds since
    the epoch. Otherwise, the zone is calculated from `known_s`, a time near the first text, in seconds since the epoch,
    or None if no such time is known.
    """

    def __init__(self, texts: Iterable[str], known_s: float | None, known: Iterable[tuple[str, float]] = ()) -> None:
        parsed = [dates for text in texts if (dates := _dates(text))]
        # Day, month and year are in the same order in all times of a dump. A day above 12 in one time shows the order.
        orders = [order for order in _ORDERS if parsed and all(order in dates for dates in parsed)]
        at = {order: min(dates[order] for dates in parsed) for order in orders}
        for text, ts in known:
            if any(order in orders for order in _dates(text)):
                at, known_s = _dates(text), ts
                break
        orders = [order for order in orders if order in at]
        self._order = min(orders, key=lambda order: _distance_s(at[order], known_s), default=None)
        self._offset_s = 0.0
        if self._order is not None and known_s is not None:
            away_s = known_s - at[self._order].timestamp()
            zone_s = round(away_s / _ZONE_STEP_S) * _ZONE_STEP_S
            self._offset_s = zone_s if abs(zone_s) <= _FARTHEST_ZONE_S else 0.0

    def seconds(self, text: str) -> float | None:
        """Convert a time to seconds since the epoch, in UTC if the zone is unknown. Returns None if the time cannot be
        read."""
        date = None if self._order is None else _dates(text).get(self._order)
        return None if date is None else date.timestamp() + self._offset_s


_ORDERS = ("month first", "day first", "year first")
"""The possible orders of day, month and year, the most frequent order first. If several orders are possible for a dump,
the first of them is used."""


def _dates(text: str) -> dict[str, datetime]:
    """Return the dates that the text may mean, by the order of its numbers."""
    found = _TIME.search(text)
    if found is None:
        return {}
    one, two, three, hour, minute, second = (int(each or 0) for each in found.groups())
    if _AFTERNOON.search(text):
        hour = hour % 12 + 12
    elif _MORNING.search(text):
        hour %= 12
    days = {"month first": (three, one, two), "day first": (three, two, one), "year first": (one, two, three)}
    dates: dict[str, datetime] = {}
    for order, (year, month, day) in days.items():
        try:
            date = datetime(year, month, day, tzinfo=UTC) + timedelta(hours=hour, minutes=minute, seconds=second)
        except (ValueError, OverflowError):
            continue
        if 2010 <= date.year < 2100:  # there was no WebRTC before 2010; other years are wrong, or of another calendar
            dates[order] = date
    return dates


def _distance_s(date: datetime, known_s: float | None) -> float:
    return 0.0 if known_s is None else abs(date.timestamp() - known_s)
