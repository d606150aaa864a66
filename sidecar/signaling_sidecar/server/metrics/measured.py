"""The parts of a running sidecar that its metrics are read from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from signaling_sidecar.eventlog.log_files import LogFiles
from signaling_sidecar.server.counts import Counts
from signaling_sidecar.server.sockets.front import Front
from signaling_sidecar.settings import Settings


class Measured(NamedTuple):
    log: LogFiles
    front: Front
    counts: Counts
    dialects: Collection[str]
    """The names of the dialects that are served."""
    settings: Callable[[], Settings]
    """Returns the settings, which may change while the sidecar runs."""
    is_ready: Callable[[], bool]
