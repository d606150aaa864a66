"""The types of the commands that the hub carries out. They come from clients, from the admin, and from the server.

The values in a command were checked before: ids are valid names, and sizes are within their limits. These fields occur
in many commands:

- `connection` is the number that the server gave to one WebSocket.
- `kind` is the type of the frame as the client sent it. It is written to the event log.
- `ref` is the JSON text of the frame's own "id" field. The answer to the frame repeats it, so that the client knows
  which of its frames is answered.
- `claimed_from` is the peer id that the frame names as its sender.
- `room`, in a command of a peer in a room, is the room that the command is about. None means the only room that the
  connection is in.
- `grant` is what the access token of the client allows. None means that no tokens are required.

The JSON text of a command of a client or of the admin contains the name of its type, and omits default values.
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
    JsonOrNone = msgspec.Raw  # msgspec cannot decode `Raw | None`, but JSON text omits the default None


class Join(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """Enter a room, or return to the session that the peer has there."""

    kind: str = "join"
    connection: int
    room: RoomKey
    at_ms: int
    """The wall-clock time of the request in ms since the epoch. It is only shown to people, and never used in a
    calculation."""
    peer: str | None = None
    """The requested peer id. With None, the peer keeps the id that its connection has in this room or, where a
    connection can be in several rooms, in another room of the dialect. If the connection has no id there, the peer
    returns to a session that is away (`Joining.anonymous_returns`) or gets a generated id."""
    name: str | None = None
    metadata: JsonOrNone = None
    """The JSON text of an object."""
    instance: str | None = None
    """A random string that the page generates when it is loaded. If it has changed, the page was reloaded, and its
    RTCPeerConnections are gone."""
    capacity: int | None = None
    """The maximum number of peers in the room, if this join creates it."""
    listed: bool | None = None
    """Whether the public list of rooms shows the room, if this join creates it."""
    room_name: str | None = None
    """The name of the room that is shown to people, if this join creates it. If the rules have `Entry.secret`, this
    name is a secret."""
    creates: bool | None = None
    """With True, the room must not exist yet, unless the peer is in it already. With False, it must exist."""
    resumable: bool = False
    """Whether the client asks for a session that it can resume later."""
    token: str | None = None
    """The token with which the client proves that the session to be resumed is its own. Only its hash is recorded."""
    after: int | None = None
    """The number of the last frame that the client has handled, or None after a reload of the page."""
    own_token: str | None = None
    """A token that the client made up. In some protocols, a client that joins again under the same peer id proves with
    it that it is the same client. Only its hash is recorded."""
    credential: str | None = None
    """The access token. The server verifies it if tokens are required, and passes it to the `on_join` hook. The hub
    does not use it, and it is never recorded."""
    rules: OwnRules | None = None
    """The rules in which the room differs from its dialect, if this join creates it."""
    group: int | None = None
    """None for an ordinary room. With 0, `room` is the name of a series of groups with `capacity` peers each. The peer
    enters the group that is not yet complete, or begins the next one. The hub replaces 0 by the number of that group,
    and `room` by its name: `bar`, `bar#2`, `bar#3` and so on."""
    address: str | None = None
    """The client's IP address. If the rules limit the tries to enter rooms, they are counted by address. None means
    that the address is unknown."""
    grant: Grant | None = None
    ref: JsonOrNone = None
    is_counted: bool = False
    """Whether this try was counted for the entry limits already, because the join has waited (`Hub.held`)."""


class Enqueue(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """Put the peer into a queue. When `size` peers wait there, the hub creates a room for them.

    The dialect's rules must have `Joining.one_room_per_peer`.
    """

    kind: str
    connection: int
    dialect: str
    peer: str | None = None
    """The peer id. With None, the peer keeps the id that its connection has in a queue or in a room. If the connection
    has none, the hub generates one."""
    queue: str = ""
    """The name of the queue. The peers of a group have asked for the same queue and the same size."""
    size: int
    at_ms: int
    """The wall-clock time of the request in ms since the epoch."""
    grant: Grant | None = None
    ref: JsonOrNone = None


class Leave(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    kind: str = "leave"
    connection: int
    room: RoomKey | None = None
    claimed_from: str | None = None
    ref: JsonOrNone = None
    may_be_outside: bool = False
    """Whether the command does nothing if the connection is not in the room. Otherwise it is refused."""


class Relay(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Send a frame to one other peer of the room, or to all other peers of the room."""

    connection: int
    kind: str
    to: str | None
    """The peer id of the receiver. None means all other peers in the room."""
    claimed_from: str | None
    payload: bytes
    """The frame in the form in which the receivers get it: JSON text, or a `Binary` for a binary frame. If the text
    frames of a dialect are not JSON, this is the JSON text in the frame, and `Dialect.encode` writes the rest."""
    ref: JsonOrNone = None
    call: Join | None = None
    """If the frame names a room: the join that moves the sender to that room before the frame is sent there."""
    must_arrive: bool = False
    """Whether a frame to all others is refused when no other peer is connected."""
    room: RoomKey | None = None
    confirms: bool = False
    """Whether the sender gets the message `Confirmed` when its frame was accepted."""
    sender_name: str | None = None
    """The name of the sender in the payload, in protocols whose peers choose names instead of peer ids. The peer gets
    this name."""
    receiver_name: str | None = None
    """If the frame goes to all, but its payload names one peer for which it is meant: that name. The record of the
    frame then names this peer as the receiver."""
    may_wait: bool = True
    """Whether a mailbox may keep the frame if its receiver cannot be reached."""
    grant: Grant | None = None
    """Only set for a published frame (`State.is_published`), because its sender need not be in the room."""


class Update(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """Change the name or the metadata of the peer, which the other peers see. A field that is None does not change."""

    kind: str = "update"
    connection: int
    name: str | None = None
    metadata: JsonOrNone = None
    claimed_from: str | None = None
    ref: JsonOrNone = None
    room: RoomKey | None = None
    confirms: bool = False
    """Whether the sender gets the message `Confirmed` when the change was made."""


class UpdateRoom(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """Change the name or the mode of the room, which only its host may do. A field that is None does not change."""

    kind: str
    connection: int
    name: str | None = None
    mode: str | None = None
    claimed_from: str | None = None
    ref: JsonOrNone = None
    room: RoomKey | None = None
    confirms: bool = False
    """Whether the sender gets the message `Confirmed` when the change was made."""


class Trace(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True, kw_only=True):
    """Write a browser's report about its RTCPeerConnections to the event log. The report is not sent to other peers.

    A page that is in no room can report too, because its app may use another signaling server.
    """

    kind: str = "trace"
    connection: int
    dialect: str
    payload: bytes
    claimed_from: str | None = None
    ref: JsonOrNone = None
    room: RoomKey | None = None


class ListRooms(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Ask for the list of rooms once."""

    connection: int
    dialect: str
    ref: JsonOrNone = None
    only: frozenset[str] | None = None
    """The ids of the rooms that the client's access token permits. None permits all rooms."""
    credential: str | None = None
    """An access token, as in a `Join`."""


class WatchRooms(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Subscribe to the list of rooms: the client gets it now, and again after each change."""

    connection: int
    dialect: str
    ref: JsonOrNone = None
    only: frozenset[str] | None = None
    """The ids of the rooms that the client's access token permits. None permits all rooms."""
    credential: str | None = None
    """An access token, as in a `Join`."""


class UnwatchRooms(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    connection: int


class Acknowledge(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Do nothing. This is the command in a `Numbered` when the frame only acknowledges other frames."""

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
    """Record the refusal of a frame that could not be converted to another command. With `is_told`, its sender gets an
    error."""

    connection: int
    refusal: Refusal
    kind: str | None = None
    room: RoomKey | None = None
    """The room that the frame asked to join. None if the frame is not a join, or its room could not be read."""
    sent_in: RoomKey | None = None
    """The room in which the frame was to be relayed. None if the frame was not to be relayed, or its room could not be
    read."""
    peer: str | None = None
    name: str | None = None
    """The name of the peer in a refused join."""
    to: str | None = None
    """The receiver of a frame that was to be relayed to one peer."""
    size: int | None = None
    count: int = 1
    """The number of refused frames that this one command stands for."""
    is_told: bool = True
    """False if the sender has already got an error for another refused frame."""
    ref: JsonOrNone = None


class Opened(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """A connection has opened, and its handshake names the peer. If the peer has a session, the session continues on
    this connection."""

    connection: int
    dialect: str
    peer: str
    grant: Grant | None = None


class Alive(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The connection has answered a `Challenge`."""

    connection: int


class TellSecrets(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Tell a restored hub the secret names of rooms, which the log does not contain. Only the server gives this
    command.

    The command is needed when the hub was restored in another process while the connection stayed open, because then
    the client does not send the names of its rooms again.
    """

    connection: int
    names: tuple[tuple[RoomKey, str], ...]
    """The key and the name of each secret room that the client has named on this connection."""


class End(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The connection has ended. The rules of each of its rooms decide whether its session there ends or is kept."""

    connection: int
    ending: Ending


class SetRules(msgspec.Struct, frozen=True, gc=False):
    """Replace the rules of all dialects, also for existing rooms. No peer is removed because of the new rules."""

    rules: Mapping[str, RoomRules]
    max_rooms: int


class SetLogState(msgspec.Struct, frozen=True, gc=False):
    """Tell the hub whether the event log can be written. While it cannot be written, sessions do not survive a
    restart."""

    is_written: bool


class SetOwnRules(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Replace the rules in which the room differs from its dialect. No peer is removed because of the new rules."""

    room: RoomKey
    own: OwnRules | None
    by_admin: bool = False
    """Whether the admin has set the rules. Otherwise they are those that the user's code returns for the room."""


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
    """Carry out the actions whose deadline has come. The server must give this command at `Hub.next_deadline_s`."""


OfMember = Leave | Relay | Update | UpdateRoom
"""Commands of a peer in a room. A few of them are also accepted from outside of the room (`Hub._from_outside`)."""
Refusable = OfMember | Join | Enqueue | Trace | Refuse
Single = Refusable | ListRooms | WatchRooms | UnwatchRooms | Acknowledge | Ping | Greet
"""The commands of clients, except `Several`, which contains more than one of them."""


MAX_COMMANDS = 200  # commands in one frame; limited, because each may write a record and call a hook


class Several(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Several commands that one frame contains.

    They are carried out in order. Each of them may be refused independently, and each refusal is recorded. Only the
    first refusal is sent to the client, because a frame is answered with at most one error. If there are more than
    `MAX_COMMANDS`, all of them are refused.
    """

    connection: int
    commands: tuple[Single, ...]
    error_sent: bool = False
    """Whether an earlier command of the same frame was refused, and the client got an error for it."""

    @property
    def refusal(self) -> Refusal | None:
        """Return a refusal if the whole frame is refused, otherwise None."""
        count = len(self.commands)
        return errors.too_many_commands(count, MAX_COMMANDS) if count > MAX_COMMANDS else None


Carried = Single | Several
"""The command that one frame of a client is converted to."""


class Numbered(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """A command with the sequence numbers on its frame. The numbers are ignored if the client's session is not
    resumable."""

    connection: int
    command: Carried
    a: int | None
    """An acknowledgement: the number of the last frame from the sidecar that the client has handled."""
    c: int | None
    """The number that the client gave to this frame."""
    refusal: Refusal | None = None
    """The refusal of the frame if `a` or `c` is invalid. The refusal is ignored if the session is not resumable."""


OfAdmin = SetOwnRules | Kick | CloseRoom | Say
Command = Carried | Numbered | Opened | Alive | TellSecrets | End
"""Commands about one connection. In a cluster, the other instances send them to the owner as JSON."""
OfServer = SetRules | SetLogState | Tick
"""Commands that come from the server that contains the hub, and not from clients. They stay in this process."""
