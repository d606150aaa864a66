"""Shows a running sidecar in a notebook or a script: its rooms and peers as tables, and a live panel."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from signaling_sidecar.admin_request import warning_of_plain_http
from signaling_sidecar.eventlog.find_state_dir import find_state_dir
from signaling_sidecar.eventlog.state_dir import running
from signaling_sidecar.inspection.live.running_sidecar import RunningSidecar
from signaling_sidecar.inspection.tables.common_categories import with_text_categories
from signaling_sidecar.inspection.tables.text_dtype import TEXT
from signaling_sidecar.untrusted_text import printable

if TYPE_CHECKING:
    from signaling_sidecar.inspection.live.dashboard import Dashboard

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
    """Connect to the running sidecar of this project.

    The project is the nearest folder, from the current one upwards, for which a sidecar runs. A printed line names the
    sidecar that was found. `state_dir` is the state folder of another sidecar. `url` and `token` are for a sidecar on
    another machine, whose log cannot be read from this machine. There is a warning if the URL is not https, because
    others could then read the token.

    Raises `NotRunning` and `NoStateDir`, which are `SidecarError`s.
    """
    if url is not None:
        warning = warning_of_plain_http(url) if token else None
        if warning is not None:
            warnings.warn(warning, stacklevel=2)
        return Admin(None, lambda: (url, token or ""))
    found = find_state_dir(Path(state_dir) if state_dir is not None else None)
    admin = Admin(found.path, lambda: _runtime(found.path))
    if found.how:
        print(printable(f"connected to {admin.url} ({found.path}: {found.how})"))
    return admin


def _runtime(folder: Path) -> tuple[str, str]:
    runtime = running(folder)
    return runtime.url, runtime.admin_token


class Admin(RunningSidecar):
    """A running sidecar with its rooms and peers as tables, and a live panel."""

    _dashboard: Dashboard | None = None

    def rooms(self) -> pd.DataFrame:
        """Return one row per room that exists now: `dialect room name peers away capacity listed host created`."""
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
        return with_text_categories(pd.DataFrame(rows, columns=list(_ROOM_DTYPES)).astype(_ROOM_DTYPES))

    def peers(self, room: str | None = None, dialect: str | None = None) -> pd.DataFrame:
        """Return one row per peer in a room, or in all rooms: `dialect room peer name away host joined session`."""
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
        return with_text_categories(pd.DataFrame(rows, columns=list(_PEER_DTYPES)).astype(_PEER_DTYPES))

    def dashboard(self) -> Dashboard:
        """Show a live panel with the rooms, the peers, the verdicts and the ladder. It replaces an earlier panel.

        The panel of a sidecar on another machine has no verdicts and no ladder.
        """
        from signaling_sidecar.inspection.live.dashboard import Dashboard

        self._dashboard = Dashboard(self)
        return self._dashboard

    def close(self) -> None:
        """Stop the live panel, if there is one."""
        if self._dashboard is not None:
            self._dashboard.close()

    def __repr__(self) -> str:
        return f"Admin({self.url!r})"
