"""The messages between the instances of a cluster. `wire.py` encodes them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands
from signaling_sidecar.hub.checkpoint import Checkpoint
from signaling_sidecar.hub.commands import Command, OfAdmin
from signaling_sidecar.hub.effects import Challenge, Close, Record, Send
from signaling_sidecar.hub.rules import Ending

# --- from a front to the owner ---------------------------------------------------------------------------------------


class Ask(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A client asks for something, or its connection has answered a challenge."""

    command: Command
    dialect: str | None
    """The dialect of the connection. None on the shared path, before the first frame has shown it."""


class Remind(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Tell a new owner what the log does not have: which connections watch the list of rooms, and the names of secret
    rooms. An owner that knows it already ignores it."""

    command: Command


class Opened(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The handshake of a WebSocket has succeeded."""

    connection: int
    dialect: str | None
    """None on the shared path, where a `Recognised` follows."""
    address: str | None
    """The client's IP address, or None behind a proxy that cannot be trusted."""
    origin: str | None
    user_agent: str | None
    subject: str | None
    """Who the access token of the handshake was issued to."""
    request: str | None = None
    """The id of the request with which the handshake began."""


class Recognised(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The first frame of a connection on the shared path has shown its dialect."""

    connection: int
    dialect: str


class Ended(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A connection has ended, and nothing more is read from it."""

    connection: int
    ending: Ending
    by: str
    """`peer` or `sidecar`."""
    code: int | None
    """The close code that was sent or received, or None if there was no Close frame."""
    reason: str
    dialect: str | None


class Note(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Something that has happened at the front itself, such as a change of its settings."""

    record: Record


class Gone(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """An instance has stopped, or was lost, and all its connections have ended. A script in Redis writes this
    message."""

    instance: int
    stopped: bool = False
    """Whether it has left the cluster by itself. Otherwise the others have not heard of it for a whole lease."""


class Check(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Call the user's hooks for a command, which only the owner can do. The answer is `Checked`."""

    command: Command


class Administer(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Carry out a command of the admin. The answer is `Administered`."""

    command: OfAdmin


class TakeSnapshot(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Send the state of the hub. The answer is a `Snapshot`."""


class Call(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A request that the owner answers with a `Reply` to the instance that has sent it."""

    id: int
    request: Check | Administer | TakeSnapshot


def singles(command: Command) -> Iterator[Command]:
    """The single commands in a command."""
    if isinstance(command, commands.Numbered):
        command = command.command
    if isinstance(command, commands.Several):
        yield from command.commands
    else:
        yield command


def without_credentials(command: Command) -> Command:
    """Return the command without access tokens. The hub needs none, because they were verified before."""
    replace = msgspec.structs.replace
    match command:
        case commands.Numbered():
            return replace(command, command=without_credentials(command.command))
        case commands.Several():
            return replace(command, commands=tuple(map(without_credentials, command.commands)))
        case commands.Join() | commands.ListRooms() | commands.WatchRooms() if command.credential is not None:
            return replace(command, credential=None)
        case commands.Relay(call=commands.Join() as call):
            return replace(command, call=without_credentials(call))
        case _:
            return command


def connections_of(command: Command) -> Iterator[int]:
    """Yield the sender's connection as the command and each of its parts give it. All are the same, unless another
    program has written the command."""
    yield command.connection
    for each in singles(command):
        yield each.connection
        if isinstance(each, commands.Relay) and each.call is not None:
            yield each.call.connection


ToOwner = Ask | Remind | Opened | Recognised | Ended | Note | Gone | Call

# --- from the owner to a front ---------------------------------------------------------------------------------------


class Checked(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The command to carry out after the hooks were called. It is a `Refuse` if a hook has refused the command."""

    command: Command


class Administered(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The command of the admin was carried out or refused."""

    refusal: Refusal | None
    """Why it was refused, or None if it was carried out."""


class Snapshot(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The state of the hub."""

    state: Checkpoint


class Failed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The call could not be answered."""

    refusal: Refusal


class Reply(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The answer to a `Call`."""

    call: int
    """The `id` of the call."""
    answer: Checked | Administered | Snapshot | Failed


ToFront = Send | Close | Challenge | Reply
