"""The form in which the events of every kind of dump are read, and functions that report where a dump is damaged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.inspection.errors import DamagedDump

_LAST_TIME_MS = 4_102_444_800_000  # ms since the epoch; the year 2100


class DumpEvent(NamedTuple):
    """One call of the WebRTC API, or one event of it."""

    number: int
    """The number of the event in the dump, from 1."""
    ts: float
    """The time of the event by the browser's clock (seconds since the epoch)."""
    connection: str | None
    """The dump's name for the RTCPeerConnection of the event, or None if the event belongs to the page."""
    name: str
    """The name of the method or event, such as `setLocalDescription`, `onconnectionstatechange`, `getStats`."""
    value: Any
    """The arguments of the method, or the details of the event, as JSON values."""
    url: str | None = None
    """The URL of the page, for `create`."""
    within_s: float = 0.0
    """How many seconds after `ts` the event may have happened, because the times in some dumps are rounded down."""

    @property
    def json(self) -> bytes:
        return msgspec.json.encode(self.value)


def numbered(events: Iterable[DumpEvent]) -> list[DumpEvent]:
    return [event._replace(number=number) for number, event in enumerate(events, 1)]


def seconds(path: str, place: str, at_ms: float) -> float:
    """Convert the time of a dump to seconds. Raises `DamagedDump` for an impossible time."""
    if not 0 <= at_ms <= _LAST_TIME_MS:
        raise DamagedDump(path, place, f"{at_ms!r} is not a time in ms since the epoch")
    return at_ms / 1000


def decoded(path: str, place: str | None, text: bytes | str, type_: Any) -> Any:
    """Decode JSON into a type. Raises `DamagedDump`."""
    try:
        return msgspec.json.decode(text, type=type_)
    except NOT_JSON as error:
        raise DamagedDump(path, place, str(error)) from error


def converted(path: str, place: str, value: object, type_: Any) -> Any:
    """Convert a JSON value to a type. Raises `DamagedDump`."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise DamagedDump(path, place, str(error)) from error
