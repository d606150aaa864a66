"""What every kind of dump is read into: events of RTCPeerConnections, or the error that says where it is damaged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.inspection.errors import DamagedDump

_LAST_TIME_MS = 4_102_444_800_000  # ms since the epoch; the year 2100: moved by any clock's offset pandas can tell it


class DumpEvent(NamedTuple):
    """One call of the API, or one event of it."""

    number: int
    """Its place in the dump, from 1."""
    ts: float
    """By the clock of whoever wrote it (seconds since the epoch)."""
    connection: str | None
    """Whose it is, as the dump numbers them; None: the page's."""
    name: str
    """Such as `setLocalDescription`, `onconnectionstatechange`, `getStats`."""
    value: Any
    """JSON: what it was called with, or what it says."""
    url: str | None = None
    """Of `create`: the page."""
    within_s: float = 0.0
    """How much later it may have been, where the dump writes no finer time (seconds)."""

    @property
    def json(self) -> bytes:
        return msgspec.json.encode(self.value)


def numbered(events: Iterable[DumpEvent]) -> list[DumpEvent]:
    return [event._replace(number=number) for number, event in enumerate(events, 1)]


def seconds(path: str, place: str, at_ms: float) -> float:
    """Turn a dump's time into seconds. Raises `DamagedDump` for one that no clock shows."""
    if not 0 <= at_ms <= _LAST_TIME_MS:
        raise DamagedDump(path, place, f"{at_ms!r} is no time in ms since the epoch")
    return at_ms / 1000


def decoded(path: str, place: str | None, text: bytes | str, type_: Any) -> Any:
    """Decode JSON into a type. Raises `DamagedDump`."""
    try:
        return msgspec.json.decode(text, type=type_)
    except NOT_JSON as error:
        raise DamagedDump(path, place, str(error)) from error


def converted(path: str, place: str, value: object, type_: Any) -> Any:
    """Turn a JSON value into a type. Raises `DamagedDump`."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise DamagedDump(path, place, str(error)) from error
