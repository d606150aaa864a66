"""The file that Chromium's `chrome://webrtc-internals` downloads: one JSON object, all pages of the browser in it.

It has what a connection did (`updateLog`) and a series per number of getStats. Connections that were closed are not in
it any more. Its values are JSON as text; a message of the browser is plain text.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from signaling_sidecar.inspection.dumps.events import DumpEvent, converted, decoded, numbered, seconds
from signaling_sidecar.inspection.dumps.reports import READ_STATS


class _Update(msgspec.Struct):
    type: str
    timestamp: float
    """In ms since the epoch. Older Chromiums wrote `time` instead, as their user's country writes it."""
    value: str = ""


class _Series(msgspec.Struct, rename="camel"):
    end_time: datetime
    values: str


class _PeerConnection(msgspec.Struct, rename="camel"):
    update_log: list[_Update]
    url: str | None = None
    rtc_configuration: str = ""
    stats: dict[str, _Series] = {}


class _UserMedia(msgspec.Struct):
    timestamp: float
    request_type: str = "getUserMedia"
    """Also of what came of it, which has the same `request_id`."""


class _Internals(msgspec.Struct, rename={"connections": "PeerConnections", "user_media": "getUserMedia"}):
    timestamp: float
    """When it was downloaded."""
    connections: dict[str, _PeerConnection]
    user_media: list[dict[str, Any]] = []


def read_internals(path: str, text: bytes) -> list[DumpEvent]:
    """Read all events. Raises `DamagedDump`."""
    events = _events(path, decoded(path, None, text, _Internals))
    return numbered(sorted(events, key=lambda event: event.ts))


def _events(path: str, dump: _Internals) -> Iterator[DumpEvent]:
    for at, call in enumerate(dump.user_media):
        made = converted(path, f"getUserMedia[{at}]", call, _UserMedia)
        yield DumpEvent(0, seconds(path, f"getUserMedia[{at}]", made.timestamp), None, made.request_type, call)
    for id_, connection in dump.connections.items():
        times = [
            seconds(path, f"updateLog[{at}] of {id_}", update.timestamp)
            for at, update in enumerate(connection.update_log)
        ]
        # When it was made is not said.
        began_ts = min(times, default=seconds(path, "timestamp", dump.timestamp))
        yield DumpEvent(0, began_ts, id_, "create", _value(connection.rtc_configuration), connection.url)
        for ts, update in zip(times, connection.update_log, strict=True):
            yield DumpEvent(0, ts, id_, update.type, _value(update.value))
        yield from _last_stats(path, id_, connection.stats)


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text) if text else None
    except (ValueError, RecursionError):
        return text


def _last_stats(path: str, id_: str, stats: dict[str, _Series]) -> Iterator[DumpEvent]:
    """Put together the end of the series that are read, as one report of getStats."""
    report: dict[str, dict[str, Any]] = {}
    ended_ts = 0.0
    for key, series in stats.items():
        object_id, _, name = key.rpartition("-")
        if name not in READ_STATS:
            continue
        values = decoded(path, f"stats {key} of {id_}", series.values, list[Any])
        if values:
            report.setdefault(object_id, {})[name] = values[-1]
            ended_ts = max(ended_ts, series.end_time.timestamp())
    if report:
        yield DumpEvent(0, ended_ts, id_, "getStats", report)
