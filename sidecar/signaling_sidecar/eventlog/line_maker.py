"""Make the lines of the event log from records: add numbers and times, and shorten or remove the relayed payloads."""

from __future__ import annotations

import time

import msgspec

from signaling_sidecar.eventlog.line import Line, line_of
from signaling_sidecar.eventlog.payload import summarise
from signaling_sidecar.hub.effects import FRAME_RECORDS, Record

_to_json = msgspec.json.Encoder().encode


class LineMaker:
    """Makes lines with numbers from `seq` + 1 on. `payloads` is the setting with this name; it may be changed at any
    time."""

    def __init__(self, payloads: str, seq: int = 0) -> None:
        self.payloads = payloads
        self.seq = seq
        """The number of the newest record."""
        self.ts = 0.0

    def set_time(self) -> None:
        """Give the current time to all following lines. Records that are written together have the same time.

        If the clock is set back, lines keep the latest time until the clock has reached it again, so that no record is
        older than the one before it. A monotonic clock is not used, because on Linux it stops while a laptop sleeps.
        """
        self.ts = max(self.ts, round(time.time(), 6))

    def line(self, record: Record) -> Line:
        self.seq += 1
        return line_of(record, self.seq, self.ts, self._data(record))

    def _data(self, record: Record) -> str | None:
        data = record.data
        if data is None:
            return None
        if not isinstance(data, bytes):
            return _to_json(data).decode()
        if record.type not in FRAME_RECORDS or self.payloads == "full":
            return data.decode()
        return summarise(data) if self.payloads == "summary" else None
