"""Converts records to the form in which the next run of the sidecar reads them."""

from __future__ import annotations

import msgspec

from signaling_sidecar.eventlog.line import encode_lines, line_of
from signaling_sidecar.hub import Past
from signaling_sidecar.hub.effects import Record


def past(record: Record, ts: float) -> Past:
    """Return the record as the next run reads it from the log. `ts` is in seconds since the epoch."""
    data = record.data
    text = data.decode() if isinstance(data, bytes) else None if data is None else msgspec.json.encode(data).decode()
    return msgspec.json.decode(encode_lines([line_of(record, 1, ts, text)]), type=Past)
