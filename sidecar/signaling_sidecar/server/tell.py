"""What the front and the owner tell each other.

The front has the connections: it reads and writes their frames. The owner runs the hub, which decides what happens in
the rooms. Both tell each other of events and decisions, in the order in which these happen. In this process a message
has been handled when `tell` returns.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from signaling_sidecar.dialects import Dialect
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import Challenge, Close, Send
from signaling_sidecar.hub.rules import Ending


class ConnectionOpened(NamedTuple):
    """The handshake of a WebSocket has succeeded."""

    connection: int
    dialect: Dialect | None
    """None on the shared path, where `DialectRecognised` follows."""
    address: str | None
    """The client's IP address. None when a proxy that we cannot trust is in between."""
    origin: str | None
    user_agent: str | None


class DialectRecognised(NamedTuple):
    """The first frame of a connection on the shared path has shown which dialect its client speaks."""

    connection: int
    dialect: Dialect


class ConnectionEnded(NamedTuple):
    """A connection has ended, and nothing more is read from it."""

    connection: int
    ending: Ending
    by: str
    """`peer` or `sidecar`."""
    code: int | None
    """The close code that was sent or received. None when there was no Close frame."""
    reason: str


ToOwner = ConnectionOpened | DialectRecognised | ConnectionEnded | Command
ToFront = Send | Close | Challenge


class OwnerSide(Protocol):
    """The owner, as the front sees it."""

    has_hooks: bool
    """Whether commands must pass `checked` before they are told."""

    async def checked(self, command: Command) -> Command:
        """Ask the user's hooks. Returns the command that the owner is to be told instead, which may be a refusal."""

    def tell(self, message: ToOwner) -> None: ...


class FrontSide(Protocol):
    """The front, as the owner sees it."""

    def tell(self, message: ToFront) -> None: ...

    def is_lost(self, connection: int) -> bool:
        """Whether the connection's socket is closed already, although its `ConnectionEnded` has yet to come."""
