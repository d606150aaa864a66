"""What every dialect is: text in, commands out; messages in, text out; and its rooms' rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import Message
from signaling_sidecar.hub.rules import RoomRules
from signaling_sidecar.settings import Settings


@dataclass(frozen=True, slots=True)
class Dialect:
    """One wire protocol. It holds no state: what must be remembered is the hub's."""

    name: str
    path: str
    """Where its WebSocket is served."""
    rules: Callable[[Settings], RoomRules]
    """How its rooms behave."""
    decode: Callable[[bytes, int, int], Command]
    """Read one text frame: (frame, connection, wall clock in ms since the epoch). Nothing is raised for foreign input:
    what cannot be read is a `Refuse` command."""
    encode: Callable[[Message], bytes | None]
    """The wire text of a message; None where the dialect is silent about it."""
