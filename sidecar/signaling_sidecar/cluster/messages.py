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
    """A command of a client, or the result of a challenge to its connection."""

    command: Command
    dialect: str | None
    """The dialect of the connection. None on the shared path, until the first frame has shown the dialect."""


class Remind(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A command that a front repeats for a new owner, because the log does not contain the command. Such a command
    subscribes a connection to the list of rooms, or contains the name of a secret room. An owner that has handled the
    command already ignores the repetition."""

    command: Command


class Opened(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The handshake of a WebSocket has succeeded."""

    connection: int
    dialect: str | None
    """None for a connection to the shared path: the message `Recognised` names its dialect later."""
    address: str | None
    """The client's IP address, or None behind a proxy that cannot be trusted."""
    origin: str | None
    user_agent: str | None
    subject: str | None
    """The subject of the access token in the handshake."""
    request: str | None = None
    """The request id of the handshake."""


class Recognised(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The first frame of a connection on the shared path has shown its dialect."""

    connection: int
    dialect: str


class Ended(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A connection has ended. This is the last message about the connection."""

    connection: int
    ending: Ending
    by: str
    """Which side has closed the connection: `peer` or `sidecar`."""
    code: int | None
    """The close code that was sent or received, or None if there was no Close frame."""
    reason: str
    dialect: str | None


class Note(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A record of an event at the front itself, such as a change of its settings."""

    record: Record


class Gone(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """An instance has stopped or was declared dead, so all its connections have ended. A script in Redis writes this
    message."""

    instance: int
    stopped: bool = False
    """Whether the instance has left the cluster by itself. Otherwise its lease has ended."""


class Check(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Asks the owner to call the user's hooks for a command, because only the owner calls hooks. The answer is
    `Checked`."""

    command: Command


class Administer(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Asks the owner to carry out a command of the admin. The answer is `Administered`."""

    command: OfAdmin


class TakeSnapshot(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Asks the owner for the state of the hub. The answer is a `Snapshot`."""


class Call(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A request to the owner. The owner answers the instance that has sent it with a `Reply`."""

    id: int
    request: Check | Administer | TakeSnapshot


def singles(command: Command) -> Iterator[Command]:
    """Yield the commands that a `Numbered` or `Several` contains, or the command itself if it is neither."""
    if isinstance(command, commands.Numbered):
        command = command.command
    if isinstance(command, commands.Several):
        yield from command.commands
    else:
        yield command


def without_credentials(command: Command) -> Command:
    """Return the command without access tokens. The hub does not need the tokens, because the front has verified
    them."""
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
    """Yield `connection` of the command and of each command that it contains. In every command that an instance has
    written, all these values are equal."""
    yield command.connection
    for each in singles(command):
        yield each.connection
        if isinstance(each, commands.Relay) and each.call is not None:
            yield each.call.connection


ToOwner = Ask | Remind | Opened | Recognised | Ended | Note | Gone | Call

# --- from the owner to a front ---------------------------------------------------------------------------------------


class Checked(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Contains the command that must be carried out, now that the hooks were called. If a hook has refused the command,
    this is a `Refuse`."""

    command: Command


class Administered(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The command of the admin was carried out or refused."""

    refusal: Refusal | None
    """Why the command was refused, or None if it was carried out."""


class Snapshot(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The state of the hub."""

    state: Checkpoint


class Failed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The owner could not carry out the request of the call."""

    refusal: Refusal


class Reply(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The answer to a `Call`."""

    call: int
    """The `id` of the call."""
    answer: Checked | Administered | Snapshot | Failed


ToFront = Send | Close | Challenge | Reply
