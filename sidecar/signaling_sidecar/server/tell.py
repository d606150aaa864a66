"""The interface between the front and the owner.

The front has the connections: it reads and writes their frames. The owner runs the hub, which decides what happens in
the rooms. Front and owner call each other's methods in the order in which things happen. A call contains only plain
data and, except for `checked` and `is_lost`, needs no answer. So front and owner can also be in different processes, as
in a cluster. In a single sidecar, both are in one process, and a call has been handled when it returns.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from signaling_sidecar.dialects import Dialect
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import Challenge, Close, Record, Send
from signaling_sidecar.hub.rules import Ending


class ConnectionOpened(NamedTuple):
    """The handshake of a WebSocket has succeeded."""

    connection: int
    dialect: Dialect | None
    """The dialect, or None on the shared path, where a call of `recognised` follows."""
    address: str | None
    """The client's IP address, or None behind a proxy that cannot be trusted."""
    origin: str | None
    user_agent: str | None
    subject: str | None = None
    """Who the access token of the handshake was issued to."""
    request: str | None = None
    """The id of the request with which the handshake began."""


class ConnectionEnded(NamedTuple):
    """A connection has ended, and nothing more is read from it."""

    connection: int
    ending: Ending
    by: str
    """`peer` or `sidecar`."""
    code: int | None
    """The close code that was sent or received, or None if there was no Close frame."""
    reason: str
    dialect: Dialect | None
    """The dialect of the connection, or None if it is unknown. In a cluster, the owner may not know the dialect yet,
    because only an earlier owner was told of the connection."""


class OwnerSide(Protocol):
    """The methods of the owner that the front calls."""

    has_hooks: bool
    """Whether commands must be passed to `checked` before `ask`."""

    async def checked(self, command: Command) -> Command:
        """Call the user's hooks. Returns the command to pass to `ask` instead, which may be a refusal."""

    def ask(self, command: Command) -> None:
        """Carry out a command that a client has sent in a frame, in its handshake, or by a pong."""

    def opened(self, opened: ConnectionOpened) -> None: ...

    def recognised(self, connection: int, dialect: Dialect) -> None:
        """Set the dialect of a connection on the shared path, after its first frame has shown the dialect."""

    def ended(self, ended: ConnectionEnded) -> None: ...

    def record(self, record: Record) -> None:
        """Add a record that is not about a room to the event log."""


class FrontSide(Protocol):
    """The methods of the front that the owner calls."""

    def send(self, send: Send) -> None: ...

    def close(self, close: Close) -> None: ...

    def challenge(self, challenge: Challenge) -> None: ...

    def is_lost(self, connection: int) -> bool:
        """Whether the connection's socket is closed already, although `ended` has not been called yet."""
