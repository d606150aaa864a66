"""What the front and the owner tell each other.

The front has the connections: it reads and writes their frames. The owner runs the hub, which decides what happens in
the rooms. Each calls the methods of the other in the order in which things happen. A call carries plain data only, and
needs no answer, with two exceptions (`checked` and `is_lost`): so that the two could also be in different processes.
Here both are in one process, and a call has been handled when it returns.
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
    """None on the shared path, where `recognised` follows."""
    address: str | None
    """The client's IP address. None when a proxy that we cannot trust is in between."""
    origin: str | None
    user_agent: str | None


class ConnectionEnded(NamedTuple):
    """A connection has ended, and nothing more is read from it."""

    connection: int
    ending: Ending
    by: str
    """`peer` or `sidecar`."""
    code: int | None
    """The close code that was sent or received. None when there was no Close frame."""
    reason: str


class OwnerSide(Protocol):
    """The owner, as the front sees it: what the front asks and tells."""

    has_hooks: bool
    """Whether commands must pass `checked` before they are asked."""

    async def checked(self, command: Command) -> Command:
        """Ask the user's hooks. Returns the command to be asked instead, which may be a refusal."""

    def ask(self, command: Command) -> None:
        """A client asks for something by a frame, by its handshake, or by a pong."""

    def opened(self, opened: ConnectionOpened) -> None: ...

    def recognised(self, connection: int, dialect: Dialect) -> None:
        """The first frame of a connection on the shared path has shown which dialect its client speaks."""

    def ended(self, ended: ConnectionEnded) -> None: ...


class FrontSide(Protocol):
    """The front, as the owner sees it: what the owner tells and asks."""

    def send(self, send: Send) -> None: ...

    def close(self, close: Close) -> None: ...

    def challenge(self, challenge: Challenge) -> None: ...

    def is_lost(self, connection: int) -> bool:
        """Whether the connection's socket is closed already, although `ended` has yet to be told."""
