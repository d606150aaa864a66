"""Reads the file that Chromium downloads at `chrome://webrtc-internals`: a JSON object about all pages of the browser.

For each connection, it contains the calls and events (`updateLog`), and for each statistic of getStats the list of its
values over time. Closed connections may be missing. The values are JSON as text, and error messages are plain text. Up
to Chromium 144, and so in most versions of Electron, the file does not say when it was downloaded. Older versions (138,
but not 142) have only `time`, in the format of the user's country (`local_time.py`). Even older versions use other
names (`old_words.py`). Fields other than `PeerConnections` are optional.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.inspection.dumps import old_words
from signaling_sidecar.inspection.dumps.events import DumpEvent, converted, decoded, numbered, seconds
from signaling_sidecar.inspection.dumps.local_time import WITHIN_S, LocalTimes
from signaling_sidecar.inspection.dumps.reports import READ_STATS


class _Update(msgspec.Struct):
    type: str
    timestamp: float | None = None
    """The time in ms since the epoch."""
    time: str | float | None = None
    """The time as older versions of Chromium write it: without fractions of a second, in the format of the user's
    country."""
    value: str = ""


class _Series(msgspec.Struct, rename="camel"):
    values: str = "[]"
    start_time: datetime | None = None
    end_time: datetime | None = None


class _PeerConnection(msgspec.Struct, rename="camel"):
    update_log: list[_Update] = []
    url: str | None = None
    rtc_configuration: Any = ""
    stats: dict[str, _Series] = {}


class _UserMedia(msgspec.Struct):
    timestamp: float | None = None
    request_type: str = "getUserMedia"
    """The name of the call, or of its result, which has the same `request_id`."""


class _Internals(msgspec.Struct, rename={"connections": "PeerConnections", "user_media": "getUserMedia"}):
    connections: dict[str, _PeerConnection]
    user_media: list[dict[str, Any]] = []
    timestamp: float | None = None
    """The time of the download (ms since the epoch)."""


class _Moment(msgspec.Struct):
    ts: float
    within_s: float = 0.0


def read_internals(path: str, text: bytes) -> list[DumpEvent]:
    """Read all events. Raises `DamagedDump`."""
    events = _events(path, decoded(path, None, text, _Internals))
    return numbered(sorted(events, key=lambda event: event.ts))


def _events(path: str, dump: _Internals) -> Iterator[DumpEvent]:
    known_s = _known(path, dump)
    texts = [u.time for c in dump.connections.values() for u in c.update_log if isinstance(u.time, str)]
    local = LocalTimes(texts, known_s, _in_both_forms(path, dump) if texts else ())
    for at, call in enumerate(dump.user_media):
        place = f"getUserMedia[{at}]"
        made = converted(path, place, call, _UserMedia)
        ts = seconds(path, place, made.timestamp) if made.timestamp is not None else known_s or 0.0
        yield DumpEvent(0, ts, None, made.request_type, call)
    for id_, connection in dump.connections.items():
        moments = list(_moments(path, id_, connection, local, known_s or 0.0))
        # The dump does not say when a connection was created, so the time of its first update is used.
        began_ts = min((moment.ts for moment in moments), default=known_s or 0.0)
        yield DumpEvent(0, began_ts, id_, "create", _configuration(connection.rtc_configuration), connection.url)
        for moment, update in zip(moments, connection.update_log, strict=True):
            name = old_words.name_of(update.type)
            yield DumpEvent(0, moment.ts, id_, name, _value(name, update.value), within_s=moment.within_s)
        ended_ts = max((moment.ts for moment in moments), default=began_ts)
        yield from _last_stats(path, id_, connection.stats, ended_ts)
        if dump.timestamp is not None and all(update.type != "close" for update in connection.update_log):
            yield DumpEvent(0, seconds(path, "timestamp", dump.timestamp), id_, "download", None)


def _known(path: str, dump: _Internals) -> float | None:
    """Return a time near the first updates (seconds since the epoch): that of the first call of getStats, or else of
    the first call of getUserMedia, which may be an hour earlier, or else of the download, or else None."""
    series = (each for connection in dump.connections.values() for each in connection.stats.values())
    starts = [each.start_time.timestamp() for each in series if each.start_time is not None]
    asked = (call.get("timestamp") for call in dump.user_media)
    calls = [at / 1000 for at in asked if isinstance(at, int | float) and not isinstance(at, bool) and at > 0]
    if starts or calls:
        return min(starts or calls)
    return seconds(path, "timestamp", dump.timestamp) if dump.timestamp is not None else None


def _in_both_forms(path: str, dump: _Internals) -> Iterator[tuple[str, float]]:
    """Yield times that the statistics contain both as text and in ms since the epoch: the last value of
    `[lastPacketSentTimestamp]`, for example, is the text for the last value of `lastPacketSentTimestamp`.

    After 1000 values, Chromium drops the first values of a statistic. So in the dump of a long call, `startTime` is not
    near the first update.
    """
    for id_, connection in dump.connections.items():
        for key, series in connection.stats.items():
            object_id, _, name = key.rpartition("-")
            same = connection.stats.get(f"{object_id}-{name[1:-1]}") if name.endswith("Timestamp]") else None
            if same is not None:
                texts, numbers = (decoded(path, f"stats {key} of {id_}", of.values, list[Any]) for of in (series, same))
                match texts[-1:], numbers[-1:]:
                    case [str() as text], [int() | float() as at_ms]:
                        yield text, at_ms / 1000


def _moments(path: str, id_: str, connection: _PeerConnection, local: LocalTimes, known_s: float) -> Iterator[_Moment]:
    """Yield the time of each update, in order. An update without a time gets the time of the update before it."""
    last = _Moment(known_s)
    for at, update in enumerate(connection.update_log):
        at_ms = update.timestamp if update.timestamp is not None else _number(update.time)
        if at_ms is not None:
            last = _Moment(seconds(path, f"updateLog[{at}] of {id_}", at_ms))
        elif isinstance(update.time, str) and (ts := local.seconds(update.time)) is not None:
            last = _Moment(ts, WITHIN_S)
        yield last


def _number(time: str | float | None) -> float | None:
    if isinstance(time, str):
        try:
            return float(time)
        except ValueError:
            return _iso_ms(time)
    return time


def _iso_ms(time: str) -> float | None:
    """Return an ISO 8601 time with a zone in ms since the epoch, or None for any other text."""
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        return None
    return at.timestamp() * 1000 if at.tzinfo is not None else None


def _value(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text) if text else None
    except NOT_JSON:
        return old_words.value_of(name, text)


def _configuration(said: Any) -> Any:
    if not isinstance(said, str):
        return said or None
    try:
        return msgspec.json.decode(said) if said else None
    except NOT_JSON:
        return old_words.configuration_of(said)


def _last_stats(path: str, id_: str, stats: dict[str, _Series], ended_ts: float) -> Iterator[DumpEvent]:
    """Yield the last values of the series as one report of getStats.

    `ended_ts` is the time of the report if the series have no times.
    """
    report: dict[str, dict[str, Any]] = {}
    until_ts = 0.0
    for key, series in stats.items():
        object_id, _, name = key.rpartition("-")
        if name not in READ_STATS:
            continue
        values = decoded(path, f"stats {key} of {id_}", series.values, list[Any])
        # Chromium writes texts that look like numbers as numbers. Those that are read here do not look so, but the
        # `protocol` of a data channel, which is any text, may.
        if values and not isinstance(values[-1], int | float):
            value = old_words.candidate_type(values[-1]) if name == "candidateType" else values[-1]
            report.setdefault(object_id, {})[name] = value
            until_ts = max(until_ts, ended_ts if series.end_time is None else series.end_time.timestamp())
    if report:
        yield DumpEvent(0, until_ts, id_, "getStats", report)
