"""Finds in a log which page opened each WebSocket, and how the WebSocket ended."""

from __future__ import annotations

import msgspec

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.record_data import read_data
from signaling_sidecar.eventlog import EXPIRED, REVOKED
from signaling_sidecar.eventlog.secure_context import is_insecure

_ENDS_OF_TOKENS = {EXPIRED: "had expired", REVOKED: "had been revoked"}
TOO_BIG = 1009  # the close code for a frame over the size limit, RFC 6455, 7.4.1


class _Opened(msgspec.Struct):
    origin: str | None = None


class Closed(msgspec.Struct):
    """How a WebSocket ended, according to the data of its `connection.closed` record. In a redacted copy of a log,
    fields of the record may be missing."""

    ending: str | None = None
    by: str | None = None
    """`peer` or `sidecar`."""
    code: int | None = None
    reason: str | None = None

    @property
    def is_too_big(self) -> bool:
        """Whether the sidecar closed the WebSocket because of a frame over the size limit. No other record reports such
        frames."""
        return self.by == "sidecar" and self.code == TOO_BIG

    @property
    def is_goodbye(self) -> bool:
        """Whether the page closed the WebSocket or was unloaded. This is false for a lost connection."""
        return self.by == "peer" and self.ending in ("closed", "unloaded")


class Sockets:
    """All WebSockets of a log, by boot id and connection number."""

    def __init__(self) -> None:
        self._opened: dict[tuple[str, int | None], Entry] = {}
        self._closed: dict[tuple[str, int | None], Entry] = {}

    def add(self, entry: Entry) -> None:
        """Add a `connection.opened` or `connection.closed` entry."""
        known = self._opened if entry.type == "connection.opened" else self._closed
        known[entry.boot, entry.connection] = entry

    def insecure(self, entry: Entry) -> Entry | None:
        """Return the `connection.opened` entry of the page that caused `entry`, if the page is not a secure context.

        Returns None if the page is a secure context, or if the client is not a page.
        """
        opened = self._opened.get((entry.boot, entry.connection))
        if opened is None:
            return None
        origin = (read_data(opened.data, _Opened) or _Opened()).origin
        return opened if origin is not None and is_insecure(origin) else None

    def end_of_token(self, entry: Entry) -> str | None:
        """Return what had happened to the client's token, such as `had expired`, if the sidecar closed the WebSocket of
        `entry` for that reason. Otherwise return None."""
        closed = self._closed.get((entry.boot, entry.connection))
        return end_of_token(closed) if closed is not None else None

    def goodbye(self, entry: Entry) -> Entry | None:
        """Return the `connection.closed` entry of the page that caused `entry`, if the page closed its WebSocket or was
        unloaded, and otherwise None."""
        closed = self._closed.get((entry.boot, entry.connection))
        return closed if closed is not None and read_closed(closed).is_goodbye else None


def end_of_token(closed: Entry) -> str | None:
    """Return what had happened to the client's token, such as `had expired`, if the sidecar closed a WebSocket for that
    reason. Otherwise return None."""
    return _ENDS_OF_TOKENS.get(read_closed(closed).reason or "")


def read_closed(entry: Entry) -> Closed:
    """Read the data of a `connection.closed` entry."""
    return read_data(entry.data, Closed) or Closed()
