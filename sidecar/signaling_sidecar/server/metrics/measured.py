"""Defines the parts of a running sidecar from which its metrics are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from signaling_sidecar.eventlog.log_files import LogFiles
from signaling_sidecar.hub import Hub
from signaling_sidecar.server.counts import Counts
from signaling_sidecar.server.sockets.front import Front
from signaling_sidecar.settings import Settings


class InCluster(NamedTuple):
    """The state of this sidecar in its cluster."""

    is_member: bool
    is_owner: bool
    """Whether this sidecar has the rooms of the cluster."""
    joins: int
    """How often this sidecar has become a member. It joins again after it was declared dead."""
    takeovers: int
    """How often this sidecar has become the owner."""
    takeovers_s: float
    redis_answers: Sequence[tuple[str, int]]
    """A histogram: for each upper bound in seconds, how many answers of Redis took at most so long."""
    redis_answers_s: float
    redis_silent_s: float
    """The seconds since the last answer of Redis."""
    log_behind: int
    """How many records of the cluster's log the copy of this sidecar does not have yet."""


class Measured(NamedTuple):
    log: LogFiles
    front: Front
    counts: Counts
    dialects: Collection[str]
    """The names of the dialects that are served."""
    settings: Callable[[], Settings]
    """Returns the settings, which may change while the sidecar runs."""
    is_ready: Callable[[], bool]
    hub_here: Callable[[], Hub | None]
    """Returns the hub if it is in this sidecar. Only one sidecar of a cluster has it."""
    in_cluster: Callable[[], InCluster | None]
