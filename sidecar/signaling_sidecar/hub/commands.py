"""The commands of the hub: what a client, the admin or the passing of time asks it to do.

Every value has been parsed and checked before: ids are valid names, and sizes are within their limits. These fields
occur in many commands:

- `connection` is the number that the server gave to one WebSocket.
- `kind` is the type of the frame as the client sent it. It is written to the event log.
- `ref` is the JSON text of the frame's own "id" field. The answer to the frame repeats it, so that the client knows
  which of its frames is answered.
- `claimed_from` is the peer id that the frame names as its sender.
- `room`, in a command of a member, is the room that the command is about. None stands for the only room that the
  connection is in.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.rules import Ending, OwnRules, RoomKey, RoomRules


class Join(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A client wants its peer to be in a room: for the first time, or again."""

    kind: str = "join"
    connection: int
    room: RoomKey
    at_ms: int
    """Wall clock of the request in ms since the epoch. It is shown to people, and never computed with."""
    peer: str | None = None
    """The requested peer id. None keeps the id that the connection has in this room or, where it can be in several,
    in another room of the dialect. In any other case the hub generates an id."""
    name: str | None = None
    metadata: msgspec.Raw | None = None
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
    credential: str | None = None
    """A token for the `on_join` hook, which decides whether the peer may join. The hub does not look at it, and it is
    never recorded."""
    rules: OwnRules | None = None
    """The rules of its own that the room gets, if this join creates it."""
    address: str | None = None
    """The client's IP address, by which joins are counted where the rules limit them. None stands for an unknown
    address."""
    ref: msgspec.Raw | None = None


class Enqueue(msgspec.Struct, frozen=True, gc=False, kw_only=True):
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
    ref: msgspec.Raw | None = None


class Leave(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    kind: str = "leave"
    connection: int
    room: RoomKey | None = None
    claimed_from: str | None = None
    ref: msgspec.Raw | None = None


class Relay(msgspec.Struct, frozen=True, gc=False):
    """Send a frame to one other peer of the room, or to all of them."""

    connection: int
    kind: str
    to: str | None
    """The peer id of the receiver. None sends the frame to all others in the room."""
    claimed_from: str | None
    payload: bytes
    """The frame as the receivers get it: a `Binary` for a binary frame."""
    ref: msgspec.Raw | None = None
    call: Join | None = None
    """For a frame that names another room than the sender's: the join by which the sender moves there first."""
    must_arrive: bool = False
    """Whether a frame to all others is refused when no other peer is connected."""
    room: RoomKey | None = None
    confirms: bool = False
    """Whether the sender is sent a `Confirmed` when its frame is accepted."""


class Update(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Change what the others are told about the sending peer. None keeps a value."""

    kind: str = "update"
    connection: int
    name: str | None = None
    metadata: msgspec.Raw | None = None
    claimed_from: str | None = None
    ref: msgspec.Raw | None = None
    room: RoomKey | None = None
    confirms: bool = False
    """Whether the sender is sent a `Confirmed` when the change was made."""


class UpdateRoom(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Change the room. Only its host may do that. None keeps a value."""

    kind: str
    connection: int
    name: str | None = None
    mode: str | None = None
    claimed_from: str | None = None
    ref: msgspec.Raw | None = None
    room: RoomKey | None = None
    confirms: bool = False
    """Whether the sender is sent a `Confirmed` when the change was made."""


class Trace(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Write what a browser reports about its RTCPeerConnections to the event log. No peer is sent it.

    A page that is in no room may report too: the signaling of its app may not use the sidecar at all.
    """

    kind: str = "trace"
    connection: int
    dialect: str
    payload: bytes
    ref: msgspec.Raw | None = None
    room: RoomKey | None = None


class ListRooms(msgspec.Struct, frozen=True, gc=False):
    """Ask for the list of rooms once."""

    connection: int
    dialect: str
    ref: msgspec.Raw | None = None


class WatchRooms(msgspec.Struct, frozen=True, gc=False):
    """Ask for the list of rooms now, and again after each change."""

    connection: int
    dialect: str
    ref: msgspec.Raw | None = None


class UnwatchRooms(msgspec.Struct, frozen=True, gc=False):
    connection: int


class Acknowledge(msgspec.Struct, frozen=True, gc=False):
    """A frame that says nothing but the numbers on it (see `Numbered`)."""

    connection: int


class Ping(msgspec.Struct, frozen=True, gc=False):
    """Ask for a `Pong`. A ping also counts as activity in every room that the connection is in."""

    connection: int
    ref: msgspec.Raw | None = None


class Greet(msgspec.Struct, frozen=True, gc=False):
    """Send the client a greeting that tells its peer id, for protocols in which the server speaks first."""

    connection: int
    peer: str


class Refuse(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Refuse a frame that could not be read as another command. The sender is told, and the refusal is recorded."""

    connection: int
    refusal: Refusal
    kind: str | None = None
    room: RoomKey | None = None
    """The room that the frame asked to join. None when it asked for none, or when that could not be read."""
    sent_in: RoomKey | None = None
    """The room in which the frame was to be relayed. None for any other frame, and for one that could not be read."""
    peer: str | None = None
    to: str | None = None
    """The receiver of a frame that was to be relayed to one peer."""
    size: int | None = None
    count: int = 1
    """How many frames this refusal stands for."""
    ref: msgspec.Raw | None = None


class Opened(msgspec.Struct, frozen=True, gc=False):
    """A connection has opened, and its handshake names its peer. A session of that peer continues on it."""

    connection: int
    dialect: str
    peer: str


class Alive(msgspec.Struct, frozen=True, gc=False):
    """The connection has answered a `Challenge`."""

    connection: int


class End(msgspec.Struct, frozen=True, gc=False):
    """The connection has ended. The rules of each of its rooms decide what becomes of its sessions."""

    connection: int
    ending: Ending


class SetRules(msgspec.Struct, frozen=True, gc=False):
    """Use other rules for all dialects from now on, also in the rooms that exist. No peer is removed by that."""

    rules: Mapping[str, RoomRules]
    max_rooms: int


class SetLogState(msgspec.Struct, frozen=True, gc=False):
    """Tell the hub whether the event log can be written. While it cannot, sessions do not survive the process."""

    is_written: bool


class SetOwnRules(msgspec.Struct, frozen=True, gc=False):
    """Give one room other rules of its own. No peer is removed by that."""

    room: RoomKey
    own: OwnRules | None


class Kick(msgspec.Struct, frozen=True, gc=False):
    """Remove a peer from a room, and bar its id from the room for a while."""

    room: RoomKey
    peer: str


class CloseRoom(msgspec.Struct, frozen=True, gc=False):
    """End a room and the sessions of all peers in it."""

    room: RoomKey


class Say(msgspec.Struct, frozen=True, gc=False):
    """Send a text from the admin to all peers in a room."""

    room: RoomKey
    text: str


class Tick(msgspec.Struct, frozen=True, gc=False):
    """The time in `Hub.next_deadline_s` has come: do what is due."""


OfMember = Leave | Relay | Update | UpdateRoom
"""Commands that only a peer in a room can give."""
Refusable = OfMember | Join | Enqueue | Trace | Refuse
Single = Refusable | ListRooms | WatchRooms | UnwatchRooms | Acknowledge | Ping | Greet
"""A single thing that a client asks for."""


MAX_COMMANDS = 200  # in one frame; each may be refused with a record, and a hook may be asked about each


class Several(msgspec.Struct, frozen=True, gc=False):
    """Several commands in one frame.

    Each is carried out or refused for itself, in order, and each refusal is recorded. Only the first one is told to
    the client: a frame is answered with one error at most. A frame with more than `MAX_COMMANDS` is refused as a whole.
    """

    connection: int
    commands: tuple[Single, ...]
    error_sent: bool = False
    """Whether the client has been told of a refusal of an earlier command in the frame."""

    @property
    def refusal(self) -> Refusal | None:
        """Why the frame is refused as a whole, if it is."""
        count = len(self.commands)
        return errors.too_many_commands(count, MAX_COMMANDS) if count > MAX_COMMANDS else None


Carried = Single | Several
"""What one frame can ask for."""


class Numbered(msgspec.Struct, frozen=True, gc=False):
    """A command with the numbers on its frame. They have a meaning only when the session is resumable."""

    connection: int
    command: Carried
    a: int | None
    """The number of the last frame that the client has handled."""
    c: int | None
    """The number that the client gave to this frame."""


OfAdmin = SetOwnRules | Kick | CloseRoom | Say
Command = Carried | Numbered | Opened | Alive | End | SetRules | SetLogState | Tick
