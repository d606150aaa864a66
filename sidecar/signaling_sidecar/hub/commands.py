"""What a connection, or time, asks of the hub.

`connection` is the server's number for one WebSocket. `kind` is the frame's type as it came, for the event log. `ref`
is the JSON text of the frame's own "id" field, given back with a refusal. `claimed_from` is the id that a frame says it
is from. Every value here has been parsed: ids are valid names, sizes are within their limits.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.rules import Ending, OwnRules, RoomKey, RoomRules


class Join(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    kind: str = "join"
    connection: int
    room: RoomKey
    at_ms: int
    """Wall clock of the request, ms since the epoch: shown to people, never computed with."""
    peer: str | None = None
    """None: the one it has, else a new one."""
    name: str | None = None
    metadata: msgspec.Raw | None = None
    """JSON text of an object."""
    instance: str | None = None
    """Random per page load: another one means that its RTCPeerConnections are gone."""
    capacity: int | None = None
    listed: bool | None = None
    room_name: str | None = None
    """What the room is called, if this makes it."""
    creates: bool | None = None
    """True: the room must be a new one, unless the peer has its place there; False: it must be there already."""
    resumable: bool = False
    """Whether a session is wanted that can be resumed."""
    token: str | None = None
    """What shows that the session that is to go on is the sender's own. Never recorded but as its hash."""
    after: int | None = None
    """The last number that the client has handled; None: its page was loaded anew, and knows nothing."""
    credential: str | None = None
    """What the peer shows to be let in, for a hook to judge. Never recorded, and nothing to the hub."""
    rules: OwnRules | None = None
    """What the room is to have of its own, if this makes it."""
    address: str | None = None
    """Where the connection comes from, for those who count its tries; None: not known."""
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
    ref: msgspec.Raw | None = None


class Leave(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    kind: str = "leave"
    connection: int
    room: str | None = None
    claimed_from: str | None = None
    ref: msgspec.Raw | None = None


class Relay(msgspec.Struct, frozen=True, gc=False):
    connection: int
    kind: str
    to: str | None
    """None: to all others in the room."""
    claimed_from: str | None
    payload: bytes
    """The frame, as the dialect relays it."""
    ref: msgspec.Raw | None = None
    call: Join | None = None
    """The room it is for, when the frame names one: how its sender would come there."""
    must_arrive: bool = False
    """Whether it is refused when there is nobody to get it."""


class Update(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A peer says something else of itself."""

    kind: str = "update"
    connection: int
    name: str | None = None
    metadata: msgspec.Raw | None = None
    claimed_from: str | None = None
    ref: msgspec.Raw | None = None


class UpdateRoom(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The host changes its room."""

    kind: str
    connection: int
    name: str | None = None
    mode: str | None = None
    claimed_from: str | None = None
    ref: msgspec.Raw | None = None


class Trace(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the browser saw of its RTCPeerConnections: for the event log, for nobody else.

    Also of a page that is in no room: its app may have its signaling elsewhere.
    """

    kind: str = "trace"
    connection: int
    dialect: str
    payload: bytes
    ref: msgspec.Raw | None = None


class ListRooms(msgspec.Struct, frozen=True, gc=False):
    connection: int
    dialect: str


class WatchRooms(msgspec.Struct, frozen=True, gc=False):
    connection: int
    dialect: str


class UnwatchRooms(msgspec.Struct, frozen=True, gc=False):
    connection: int


class Acknowledge(msgspec.Struct, frozen=True, gc=False):
    """Nothing but the numbers on its frame."""

    connection: int


class Ping(msgspec.Struct, frozen=True, gc=False):
    connection: int


class Refuse(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A frame that never became a command: the sender is told, and it is recorded."""

    connection: int
    refusal: Refusal
    kind: str | None = None
    room: RoomKey | None = None
    """The room that the frame was about to enter; None: it asked for none, or nobody has read that."""
    peer: str | None = None
    size: int | None = None
    count: int = 1
    """Frames this one refusal stands for."""
    ref: msgspec.Raw | None = None


class Opened(msgspec.Struct, frozen=True, gc=False):
    """A connection has opened, and its handshake says which peer it is."""

    connection: int
    dialect: str
    peer: str


class Alive(msgspec.Struct, frozen=True, gc=False):
    """The connection has answered a challenge."""

    connection: int


class End(msgspec.Struct, frozen=True, gc=False):
    """The connection is gone. What becomes of its peer's place is the room's rules'."""

    connection: int
    ending: Ending


class SetRules(msgspec.Struct, frozen=True, gc=False):
    """The rules of all dialects are others from now on, also for the rooms that there are. Nobody is removed."""

    rules: Mapping[str, RoomRules]
    max_rooms: int


class SetLogState(msgspec.Struct, frozen=True, gc=False):
    """From now on the event log is written, or cannot be: what is only remembered does not outlive this process."""

    is_written: bool


class SetOwnRules(msgspec.Struct, frozen=True, gc=False):
    """One room has other rules of its own. Nobody is removed."""

    room: RoomKey
    own: OwnRules | None


class Kick(msgspec.Struct, frozen=True, gc=False):
    """The admin removes a peer; its id is barred from the room for a while."""

    room: RoomKey
    peer: str


class CloseRoom(msgspec.Struct, frozen=True, gc=False):
    """The admin ends a room, and with it the stay of everybody in it."""

    room: RoomKey


class Say(msgspec.Struct, frozen=True, gc=False):
    """The admin has something to say to everybody in a room."""

    room: RoomKey
    text: str


class Tick(msgspec.Struct, frozen=True, gc=False):
    """Time has passed: carry out what `Hub.next_deadline_s` announced."""


OfMember = Leave | Relay | Update | UpdateRoom
"""What only a peer in a room can ask."""
Refusable = OfMember | Join | Enqueue | Trace | Refuse
Carried = Refusable | ListRooms | WatchRooms | UnwatchRooms | Acknowledge | Ping


class Numbered(msgspec.Struct, frozen=True, gc=False):
    """A command of a resumable session, with the numbers on its frame. Of any other session they mean nothing."""

    connection: int
    command: Carried
    a: int | None
    """The last number that the client has handled."""
    c: int | None
    """The client's own number of this frame."""


OfAdmin = SetOwnRules | Kick | CloseRoom | Say
Command = Carried | Numbered | Opened | Alive | End | SetRules | SetLogState | Tick
