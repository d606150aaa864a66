"""The commands of the hub. They come from clients, from the admin, and from a timer.

Every value has been parsed and checked before: ids are valid names, and sizes are within their limits. These fields
occur in many commands:

- `connection` is the number that the server gave to one WebSocket.
- `kind` is the type of the frame as the client sent it. It is written to the event log.
- `ref` is the JSON text of the frame's own "id" field. The answer to the frame repeats it, so that the client knows
  which of its frames is answered.
- `claimed_from` is the peer id that the frame names as its sender.
- `room`, in a command of a member, is the room that the command is about. None means the only room that the connection
is in.
- `grant` is what the access token of the client says. None means that no tokens are required.

The commands of clients and of the admin are tagged with their names, and omit their defaults, so that they can be read
back from JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.grant import Grant
from signaling_sidecar.hub.rules import Ending, OwnRules, RoomKey, RoomRules

if TYPE_CHECKING:
    JsonOrNone = msgspec.Raw | None
else:
    JsonOrNone = msgspec.Raw  # msgspec cannot decode the union; it reads None back because a default is omitted


class Join(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """A client wants its peer to be in a room: for the first time, or again."""

    kind: str = "join"
    connection: int
    room: RoomKey
    at_ms: int
    """The wall-clock time of the request in ms since the epoch. It is only shown to people, and never used in a
    calculation."""
    peer: str | None = None
    """The requested peer id. None keeps the id that the connection has in this room or, where it can be in several,
    in another room of the dialect. In any other case the hub generates an id."""
    name: str | None = None
    metadata: JsonOrNone = None
    """The JSON text of an object."""
    instance: str | None = None
    """A random string that the client makes at every page load. When it changes, the page was loaded again, and its
    RTCPeerConnections are gone."""
    capacity: int | None = None
    """The most peers in the room, if this join creates it."""
    listed: bool | None = None
    """Whether the list of rooms shows the room, if this join creates it."""
    room_name: str | None = None
    """The name that people see, if this join creates the room."""
    creates: bool | None = None
    """With True, the room must not exist yet, unless the peer is in it already. With False, it must exist."""
    resumable: bool = False
    """Whether the client asks for a session that it can resume later."""
    token: str | None = None
    """The token that proves that the session to be resumed belongs to the sender. Only its hash is ever recorded."""
    after: int | None = None
    """The number of the last frame that the client has handled. A reloaded page knows of none, and sends None."""
    own_token: str | None = None
    """A token that the client has made up, in protocols in which a client proves with it that it is the one that has
    joined under this peer id before. Only its hash is ever recorded."""
    credential: str | None = None
    """An access token, which the server verifies if tokens are required, and which the `on_join` hook is told. The hub
    does not use it, and it is never recorded."""
    rules: OwnRules | None = None
    """The rules of its own that the room gets, if this join creates it."""
    group: int | None = None
    """None for an ordinary room. With 0, `room` is the name of a series of groups of `capacity` peers each: the peer
    enters the group of this name that is not complete, or begins the next one. The hub then replaces 0 by the number of
    the group, and `room` by the group's own name: `bar`, `bar#2`, `bar#3` and so on."""
    address: str | None = None
    """The client's IP address, by which joins are counted where the rules limit them. None means that the address is
    unknown."""
    grant: Grant | None = None
    ref: JsonOrNone = None
    is_counted: bool = False
    """Whether the entry limits have counted this try already, in the hub that this one replaces (`Hub.held`)."""


class Enqueue(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """Wait until `size` peers wait in the same queue; then the hub makes a room for them.

    The rules of the dialect must give a peer id one session in all its rooms together.
    """

    kind: str
    connection: int
    dialect: str
    peer: str | None = None
    """The peer id. None keeps the id that the connection has in a queue or in a room, and generates one otherwise."""
    queue: str = ""
    """Peers are grouped only with peers that wait in the queue of the same name, for a group of the same size."""
    size: int
    at_ms: int
    """Wall clock of the request in ms since the epoch."""
    grant: Grant | None = None
    ref: JsonOrNone = None


class Leave(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    kind: str = "leave"
    connection: int
    room: RoomKey | None = None
    claimed_from: str | None = None
    ref: JsonOrNone = None
    may_be_outside: bool = False
    """Whether a leave of a room that the connection is not in does nothing. Otherwise it is refused."""


class Relay(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Send a frame to one other peer of the room, or to all of them."""

    connection: int
    kind: str
    to: str | None
    """The peer id of the receiver. None sends the frame to all others in the room."""
    claimed_from: str | None
    payload: bytes
    """The frame as the receivers get it: a `Binary` for a binary frame."""
    ref: JsonOrNone = None
    call: Join | None = None
    """For a frame that names another room than the sender's: the join by which the sender moves there first."""
    must_arrive: bool = False
    """Whether a frame to all others is refused when no other peer is connected."""
    room: RoomKey | None = None
    confirms: bool = False
    """Whether the sender is sent a `Confirmed` when its frame is accepted."""
    sender_name: str | None = None
    """The name that the payload gives its sender, in protocols whose peers choose names instead of peer ids. The peer
    has this name from now on."""
    receiver_name: str | None = None
    """For a frame to all: the name of the one peer for which it is meant, according to its payload. The record then
    says that it is for this peer."""
    may_wait: bool = True
    """Whether a mailbox may keep the frame for a peer that cannot be reached."""
    grant: Grant | None = None
    """Only set for a frame to all in a room that it names, whose sender may be outside of that room."""


class Update(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """Change what the others are told about the sending peer. A field that is None does not change."""

    kind: str = "update"
    connection: int
    name: str | None = None
    metadata: JsonOrNone = None
    claimed_from: str | None = None
    ref: JsonOrNone = None
    room: RoomKey | None = None
    confirms: bool = False
    """Whether the sender is sent a `Confirmed` when the change was made."""


class UpdateRoom(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """Change the room. Only the host of the room may do this. A field that is None does not change."""

    kind: str
    connection: int
    name: str | None = None
    mode: str | None = None
    claimed_from: str | None = None
    ref: JsonOrNone = None
    room: RoomKey | None = None
    confirms: bool = False
    """Whether the sender is sent a `Confirmed` when the change was made."""


class Trace(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """Write what a browser reports about its RTCPeerConnections to the event log. It is sent to no peer.

    A page that is in no room may report too: the signaling of its app may not use the sidecar at all.
    """

    kind: str = "trace"
    connection: int
    dialect: str
    payload: bytes
    ref: JsonOrNone = None
    room: RoomKey | None = None


class ListRooms(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Ask for the list of rooms once."""

    connection: int
    dialect: str
    ref: JsonOrNone = None
    only: frozenset[str] | None = None
    """The ids of the rooms that the client may know of. None means all."""
    credential: str | None = None
    """An access token, as in a `Join`."""


class WatchRooms(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Ask for the list of rooms now, and again after each change."""

    connection: int
    dialect: str
    ref: JsonOrNone = None
    only: frozenset[str] | None = None
    """The ids of the rooms that the client may know of. None means all."""
    credential: str | None = None
    """An access token, as in a `Join`."""


class UnwatchRooms(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    connection: int


class Acknowledge(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """A frame that contains only numbers (see `Numbered`)."""

    connection: int


class Ping(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Ask for a `Pong`. A ping also counts as activity in every room that the connection is in."""

    connection: int
    ref: JsonOrNone = None


class Greet(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Send the client a greeting with its peer id, for protocols in which the server sends the first frame."""

    connection: int
    peer: str


class Refuse(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """Refuse a frame that could not be converted to another command. The sender is told, unless `is_told` is False, and
    the refusal is recorded."""

    connection: int
    refusal: Refusal
    kind: str | None = None
    room: RoomKey | None = None
    """The room that the frame asked to join, or None if it is not a join or the room could not be read."""
    sent_in: RoomKey | None = None
    """The room in which the frame was to be relayed. None for any other frame, and for one that could not be read."""
    peer: str | None = None
    name: str | None = None
    """The name that the peer asked to join with."""
    to: str | None = None
    """The receiver of a frame that was to be relayed to one peer."""
    size: int | None = None
    count: int = 1
    """The number of refused frames that this command reports together."""
    is_told: bool = True
    """False if the sender was told of another refusal instead."""
    ref: JsonOrNone = None


class Opened(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """A connection has opened, and its handshake names its peer. A session of that peer continues on it."""

    connection: int
    dialect: str
    peer: str
    grant: Grant | None = None


class Alive(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The connection has answered a `Challenge`."""

    connection: int


class TellSecrets(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Tell a restored hub the names that no log may contain. Only the server gives this command.

    After the hub was restored in another process, the connection has stayed open, and its client will not join again.
    """

    connection: int
    names: tuple[tuple[RoomKey, str], ...]
    """The names of all secret rooms that the client has named, by the key of the room."""


class End(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The connection has ended. The rules of each of its rooms decide what becomes of its sessions."""

    connection: int
    ending: Ending


class SetRules(msgspec.Struct, frozen=True, gc=False):
    """Use other rules for all dialects from now on, also in existing rooms. No peer is removed because of the new
    rules."""

    rules: Mapping[str, RoomRules]
    max_rooms: int


class SetLogState(msgspec.Struct, frozen=True, gc=False):
    """Tell the hub whether the event log can be written. As long as it cannot, sessions do not survive a restart."""

    is_written: bool


class SetOwnRules(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Change the room's own rules. No peer is removed because of the new rules."""

    room: RoomKey
    own: OwnRules | None


class Kick(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Remove a peer from a room, and bar its id from the room for a while."""

    room: RoomKey
    peer: str


class CloseRoom(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """End a room and the sessions of all peers in it."""

    room: RoomKey


class Say(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Send a text from the admin to all peers in a room."""

    room: RoomKey
    text: str


class Tick(msgspec.Struct, frozen=True, gc=False):
    """Carry out the actions that are due. The server must send this command at `Hub.next_deadline_s`."""


OfMember = Leave | Relay | Update | UpdateRoom
"""Commands that only a peer in a room can give."""
Refusable = OfMember | Join | Enqueue | Trace | Refuse
Single = Refusable | ListRooms | WatchRooms | UnwatchRooms | Acknowledge | Ping | Greet
"""A single thing that a client asks for."""


MAX_COMMANDS = 200  # commands in one frame; each may cause a record and a call of a hook


class Several(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Several commands in one frame.

    Each of them is carried out or refused independently, in order, and each refusal is recorded. Only the first refusal
    is sent to the client, because a frame is answered with at most one error. A frame with more than `MAX_COMMANDS` is
    refused as a whole.
    """

    connection: int
    commands: tuple[Single, ...]
    error_sent: bool = False
    """Whether the client has been told of a refusal of an earlier command in the frame."""

    @property
    def refusal(self) -> Refusal | None:
        """Return a refusal if the whole frame is refused, otherwise None."""
        count = len(self.commands)
        return errors.too_many_commands(count, MAX_COMMANDS) if count > MAX_COMMANDS else None


Carried = Single | Several
"""What one frame can ask for."""


class Numbered(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """A command with the numbers on its frame. They have a meaning only when the session is resumable."""

    connection: int
    command: Carried
    a: int | None
    """The number of the last frame that the client has handled."""
    c: int | None
    """The number that the client gave to this frame."""
    refusal: Refusal | None = None
    """Why the frame is refused if its numbers have a meaning: one of them is no number."""


OfAdmin = SetOwnRules | Kick | CloseRoom | Say
Command = Carried | Numbered | Opened | Alive | TellSecrets | End
"""All that a connection asks for or does. In a cluster it may be sent to the owner of the rooms as JSON."""
OfServer = SetRules | SetLogState | Tick
"""Commands that the server gives the hub in its own process."""
