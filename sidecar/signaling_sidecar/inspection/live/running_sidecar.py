"""Access to a running sidecar: its admin API over HTTP, and its log."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from signaling_sidecar.admin_request import ask_admin
from signaling_sidecar.drawing import AmbiguousRoom, UnknownRoom
from signaling_sidecar.errors import AdminRefused
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import is_running
from signaling_sidecar.inspection.event_log import EventLog, read_log

_PLACE = "the running sidecar"
NO_LOG = "the log can only be read on the sidecar's machine, by connect() without a url"


class RunningSidecar:
    """One running sidecar. The object can still be used after the sidecar was restarted. It runs no background task.

    In a method with the parameter `room`, the parameter `dialect` is only needed if several rooms have that id. Each
    method raises `AdminRefused` if the sidecar refuses the request, and `NotRunning` if the sidecar is not running or
    does not answer.
    """

    def __init__(self, state_dir: Path | None, access: Callable[[], tuple[str, str]]) -> None:
        """Connect to a sidecar. `access` returns the sidecar's URL and token, both of which a restart may change."""
        self._state_dir = state_dir
        self._access = access
        self.url, self._token = access()
        self.identity = str(state_dir or self.url)
        """A key that a restart does not change: the state folder, or the URL of a sidecar that has no state folder on
        this machine."""
        self._log: tuple[tuple[int, ...], EventLog] | None = None
        self._get("rooms")

    def now(self) -> list[dict[str, Any]]:
        """Return all rooms with their peers, as the admin API describes them."""
        rooms: list[dict[str, Any]] = self._get("rooms")["rooms"]
        return rooms

    @property
    def has_log(self) -> bool:
        """Whether the log is on this machine."""
        return self._state_dir is not None

    @property
    def log(self) -> EventLog:
        """The current event log with all its tables and drawings. It is read again only when it has grown, or when the
        sidecar was killed. While the sidecar runs, the verdicts also change when time passes."""
        if self._state_dir is None:
            raise AdminRefused("no-log", NO_LOG)
        sizes = tuple(map(_size, sorted(self._state_dir.glob("*.jsonl*"))))
        state = is_running(self._state_dir), *sizes
        if self._log is None or self._log[0] != state:
            self._log = (state, read_log(find_segments(self._state_dir)))
        self._log[1].still_current(time.time())
        return self._log[1]

    def kick(self, room: str, peer: str, dialect: str | None = None) -> None:
        """Remove a peer from a room. Its peer id cannot join the room again for 60 s."""
        self._do("POST", room, dialect, "kick", {"peer": peer})

    def close_room(self, room: str, dialect: str | None = None) -> None:
        """Close a room, which ends the session of every peer in it."""
        self._do("POST", room, dialect, "close", {})

    def say(self, room: str, text: str, dialect: str | None = None) -> None:
        """Send a notice to all peers in a room. Only the dialect `rooms` has notices."""
        self._do("POST", room, dialect, "say", {"text": text})

    def set_rules(
        self,
        room: str,
        dialect: str | None = None,
        *,
        capacity: int | None = None,
        listed: bool | None = None,
        grace_s: float | None = None,
        host: str | None = None,
    ) -> None:
        """Set rules for one room. For a rule that is None, the rule of the dialect applies. No peer is removed from the
        room."""
        rules = {"capacity": capacity, "listed": listed, "grace_s": grace_s, "host": host}
        self._do("PUT", room, dialect, "rules", {name: value for name, value in rules.items() if value is not None})

    def _do(self, method: str, room: str, dialect: str | None, verb: str, body: dict[str, Any]) -> None:
        path = f"rooms/{quote(dialect or self._dialect_of(room), safe='')}/{quote(room, safe='')}/{verb}"
        self._ask(method, path, body)

    def _dialect_of(self, room: str) -> str:
        there = self.now()
        dialects = [each["dialect"] for each in there if each["room"] == room]
        if not dialects:
            known = [f"{each['room']!r}, dialect={each['dialect']!r}" for each in there]
            raise UnknownRoom(repr(room), known, _PLACE)
        if len(dialects) > 1:
            raise AmbiguousRoom(repr(room), [f"dialect={dialect!r}" for dialect in dialects], _PLACE)
        return str(dialects[0])

    def _get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        self.url, self._token = self._access()  # a restart of the sidecar may change the URL and the token
        return ask_admin(self.url, self._token, method, path, body, self._state_dir)


def _size(segment: Path) -> int:
    """Return the size of a segment, or 0 if it was packed or deleted since it was listed."""
    return segment.stat().st_size if segment.exists() else 0
