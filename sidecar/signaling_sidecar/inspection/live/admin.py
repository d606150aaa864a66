"""A running sidecar, from a notebook or a script: what is there now, and what its admin may do."""

from __future__ import annotations

import json
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote

import pandas as pd

from signaling_sidecar.admin_request import ask_admin
from signaling_sidecar.errors import NotRunning
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import read_runtime
from signaling_sidecar.eventlog.which_state import find_state_dir
from signaling_sidecar.inspection.errors import AdminRefused, AmbiguousRoom, UnknownRoom
from signaling_sidecar.inspection.event_log import EventLog, read_log
from signaling_sidecar.inspection.text_dtype import TEXT

if TYPE_CHECKING:
    from signaling_sidecar.inspection.dashboard import Dashboard

_ROOM_DTYPES = {
    "dialect": "category",
    "room": TEXT,
    "name": TEXT,
    "peers": "int64",
    "away": "int64",
    "capacity": "int64",
    "listed": "bool",
    "host": TEXT,
    "created": "datetime64[us, UTC]",
}
_PEER_DTYPES = {
    "dialect": "category",
    "room": TEXT,
    "peer": TEXT,
    "name": TEXT,
    "away": "bool",
    "host": "bool",
    "joined": "datetime64[us, UTC]",
    "session": TEXT,
}


def connect(state_dir: str | PathLike[str] | None = None, *, url: str | None = None, token: str | None = None) -> Admin:
    """Connect to the running sidecar of this project: of the current folder or the nearest one above it.

    `state_dir` names another one's state folder; `url` and `token` one that has no folder here, and then there is no
    log. Unless it was named, one printed line says which it took.

    Raises `NotRunning`, `NoStateDir` (both `SidecarError`s).
    """
    if url is not None:
        return Admin(None, lambda: (url, token or ""))
    found = find_state_dir(Path(state_dir) if state_dir is not None else None)
    admin = Admin(found.path, lambda: _runtime(found.path))
    if found.how:
        print(f"connected to {admin.url} ({found.path}: {found.how})")
    return admin


def _runtime(folder: Path) -> tuple[str, str]:
    runtime = read_runtime(folder)
    if runtime is None:
        raise NotRunning(str(folder))
    return runtime.url, runtime.admin_token


class Admin:
    """One running sidecar, also after it was started again. Nothing of it runs between two calls.

    Where a method takes a `room`, its `dialect` may be left out when only one room has that id. Each raises
    `AdminRefused` for what the sidecar will not do, and `NotRunning`.
    """

    def __init__(self, state_dir: Path | None, access: Callable[[], tuple[str, str]]) -> None:
        self._state_dir = state_dir
        self._access = access
        self.url, self._token = access()
        self.place = str(state_dir or self.url)
        """What stays the same when it is started again: its state folder, or else its URL."""
        self._log: tuple[tuple[int, ...], EventLog] | None = None
        self._dashboard: Dashboard | None = None
        self._get("rooms")

    # --- what is there -----------------------------------------------------------------------------------------------

    def rooms(self) -> pd.DataFrame:
        """One row per room there is now: `dialect room name peers away capacity listed host created`."""
        rows = [
            {
                **room,
                "peers": len(room["peers"]),
                "away": sum(peer["away"] for peer in room["peers"]),
                "host": next((peer["peer"] for peer in room["peers"] if peer["host"]), None),
                "created": pd.Timestamp(room["createdAt"], unit="ms", tz="UTC"),
            }
            for room in self.now()
        ]
        return pd.DataFrame(rows, columns=list(_ROOM_DTYPES)).astype(_ROOM_DTYPES)

    def peers(self, room: str | None = None, dialect: str | None = None) -> pd.DataFrame:
        """One row per peer in a room, or in all: `dialect room peer name away host joined session`."""
        rows = [
            {
                **peer,
                "dialect": each["dialect"],
                "room": each["room"],
                "joined": pd.Timestamp(peer["joinedAt"], unit="ms", tz="UTC"),
            }
            for each in self.now()
            if room in (None, each["room"]) and dialect in (None, each["dialect"])
            for peer in each["peers"]
        ]
        return pd.DataFrame(rows, columns=list(_PEER_DTYPES)).astype(_PEER_DTYPES)

    def now(self) -> list[dict[str, Any]]:
        """All rooms with their peers, as the admin API describes them."""
        rooms: list[dict[str, Any]] = self._get("rooms")["rooms"]
        return rooms

    @property
    def log(self) -> EventLog:
        """The event log with all its tables and views, as it is now: read again only when it has grown."""
        if self._state_dir is None:
            raise AdminRefused("no-log", "the log of a sidecar that is named by its url is not here")
        sizes = tuple(map(_size, sorted(self._state_dir.glob("*.jsonl*"))))
        if self._log is None or self._log[0] != sizes:
            self._log = (sizes, read_log(find_segments(self._state_dir)))
        return self._log[1]

    def dashboard(self) -> Dashboard:
        """Show rooms, their peers, who is connected and the ladder, live, with buttons. Ends the one before it."""
        from signaling_sidecar.inspection.dashboard import Dashboard

        self._dashboard = Dashboard(self)
        return self._dashboard

    def close(self) -> None:
        """End the dashboard, if there is one."""
        if self._dashboard is not None:
            self._dashboard.close()

    # --- what can be done --------------------------------------------------------------------------------------------

    def kick(self, room: str, peer: str, dialect: str | None = None) -> None:
        """Remove a peer; its id is barred from the room for 60 s."""
        self._do("POST", room, dialect, "kick", {"peer": peer})

    def close_room(self, room: str, dialect: str | None = None) -> None:
        """End a room, and with it the stay of everybody in it."""
        self._do("POST", room, dialect, "close", {})

    def say(self, room: str, text: str, dialect: str | None = None) -> None:
        """Send a notice to everybody in a room; only the dialect `rooms` has notices."""
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
        """Give a room rules of its own; what is None is as its dialect says. Nobody is removed."""
        rules = {"capacity": capacity, "listed": listed, "grace_s": grace_s, "host": host}
        self._do("PUT", room, dialect, "rules", {name: value for name, value in rules.items() if value is not None})

    def __repr__(self) -> str:
        return f"Admin({self.url!r})"

    # --- how it is asked ---------------------------------------------------------------------------------------------

    def _do(self, method: str, room: str, dialect: str | None, verb: str, body: dict[str, Any]) -> None:
        path = f"rooms/{quote(dialect or self._dialect_of(room), safe='')}/{quote(room, safe='')}/{verb}"
        self._ask(method, path, body)

    def _dialect_of(self, room: str) -> str:
        there = self.now()
        dialects = [each["dialect"] for each in there if each["room"] == room]
        if not dialects:
            raise UnknownRoom(repr(room), [f"{each['room']!r}, dialect={each['dialect']!r}" for each in there])
        if len(dialects) > 1:
            raise AmbiguousRoom(repr(room), [f"dialect={dialect!r}" for dialect in dialects])
        return str(dialects[0])

    def _get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None, *, again: bool = True) -> Any:
        try:
            return ask_admin(self.url, self._token, method, path, body)
        except HTTPError as error:
            with error:
                if error.code == 401 and again:
                    return self._ask_the_next(method, path, body)
                raise _refusal(error) from None
        except URLError:
            if again:
                return self._ask_the_next(method, path, body)
            raise NotRunning(self.place) from None

    def _ask_the_next(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """It may have been started again, with another token and on another port."""
        self.url, self._token = self._access()
        return self._ask(method, path, body, again=False)


def _size(segment: Path) -> int:
    """0 of one that was packed or dropped since it was listed."""
    return segment.stat().st_size if segment.exists() else 0


def _refusal(error: HTTPError) -> AdminRefused:
    text = error.read().decode(errors="replace").strip()
    if error.headers.get_content_type() != "application/json":
        return AdminRefused(str(error.code), text)
    said = json.loads(text)
    return AdminRefused(said["code"], said["message"])
