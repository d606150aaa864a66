"""What one dialect's clients send and receive where it differs from the others; `test_conformance.py` uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from signaling_sidecar.hub import Ending

Frame = dict[str, Any]


def _nothing(*_: Any) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How the clients of one dialect behave. `room` and `peer` are names that the suite gives."""

    path: Callable[[str, str], str]
    """Of (room, peer)."""
    enter: Callable[[str, str, int, int], Frame]
    """What (room, peer) sends to come in, when it is the n-th (from 0) of a group of a size."""
    waits_for_all: bool = False
    """Whether nobody is answered before the whole group has asked."""
    joined: Callable[[str, str], Frame | None] = _nothing
    """What others hear when (room, peer) joins; None: nothing."""
    left: Callable[[str, str], Frame | None] = _nothing
    """What others hear when (room, peer) leaves."""
    offer: Callable[[str, str, str, Any], Frame]
    """What is sent by (room, sender, receiver, body)."""
    arrives: Callable[[str, str, str, Any], Frame]
    """What the receiver gets of it."""
    candidate: Callable[[str, str, str, Any], Frame]
    """A candidate by (room, sender, receiver, RTCIceCandidateInit)."""
    forged: Callable[[str, str, str, str], Frame] | None = None
    """An offer by (room, sender, receiver) that says it is by another; None: a frame says nothing of its sender."""
    leave: Callable[[str, str], Frame | None] = _nothing
    """The dialect's own verb."""
    tells_errors: bool = True
    replaces: bool = True
    """Whether a newer connection with the same id takes the older one's place without asking it."""
    grace_s: Mapping[Ending, float] = field(default_factory=dict)
    """Rule 8's table: how long a place is kept after each ending; 0: it is a leave."""
