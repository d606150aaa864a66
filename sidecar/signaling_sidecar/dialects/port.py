"""The interface of a dialect: how it reads handshakes and frames, how it writes messages, and the rules of its
rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from signaling_sidecar.dialects.kinds import KindOf, kind_in
from signaling_sidecar.hub.commands import Carried, Command, Opened
from signaling_sidecar.hub.effects import Mark
from signaling_sidecar.hub.messages import LastWords, Message, RoomsListed
from signaling_sidecar.hub.rules import RoomRules
from signaling_sidecar.hub.views import PeerView
from signaling_sidecar.settings import Settings


class Opening(NamedTuple):
    """The parts of a WebSocket's handshake that a dialect reads."""

    path_room: str | None = None
    """The room in the path of the URL, when the dialect's path has a `{room}`. Otherwise None."""
    query: Mapping[str, str] = {}
    """The decoded query. If a name occurs twice, this has the first value."""
    raw_query: str = ""
    """The query as the client sent it, or an empty string if it contained an access token."""
    settings: Settings = Settings()
    removed: str | None = None
    """The name of the parameter that was removed from `query`, because it contained the access token
    (`Dialect.token_parameters`)."""
    subject: str | None = None
    """The subject of the access token: to whom it was issued. None if no token is required, or the token has no
    subject."""


class Introduction(NamedTuple):
    """What a dialect has read from a handshake."""

    room: str | None = None
    peer: str | None = None
    spellings: frozenset[str] = frozenset()
    """All spellings of the peer id that are accepted in frames."""
    own_token: str | None = None
    """A token that the client made up, by which it is recognised when it joins again (`Join.own_token`)."""


class Rejection(NamedTuple):
    """The HTTP response with which a handshake is refused."""

    status: int
    text: str


class Closing(NamedTuple):
    """The code and reason of the Close frame that ends a connection."""

    code: int
    reason: str


UPGRADE_REQUIRED = Rejection(426, "this is a WebSocket endpoint\n")


class Caller(NamedTuple):
    """A client, described by the data from its handshake."""

    connection: int
    introduction: Introduction
    conceal: Callable[[str], str]
    """Returns the keyed hash of a secret. Without the key, the hash does not tell anything about the secret."""
    address: str | None = None
    """The client's IPv4 address, or the /64 network of its IPv6 address, because one host may use all addresses in it.
    None if unknown."""
    given_id: str = ""
    """A UUID that the server has generated for this connection. A dialect may use it as the peer id.

    The next connection of the client gets another UUID, so the client cannot return to its session. If the client's
    access token is for one peer id only, `given_id` is that id. Some tests set `given_id` to readable names.
    """


class FrameBudget(NamedTuple):
    """How many frames a client may send, and how many bytes may wait until it reads them, as multiples of the settings
    `max_frames_per_s`, `max_frames_burst` and `max_outbox_bytes`."""

    times: float = 1.0
    """The factor by which these three settings are multiplied."""
    per_room: bool = False
    """Whether the three settings are also multiplied by the number of rooms that the connection is in."""


Decode = Callable[[bytes, Caller, int], Command]
"""A function that reads one frame. Its arguments are the frame, the caller and the wall-clock time in ms since the
epoch. For a frame that cannot be read, it returns a `Refuse` command, and raises no exception."""


Encoded = bytes | tuple[bytes, ...] | None
"""The frame for a message, several frames, or nothing."""


class Asked(NamedTuple):
    """An HTTP request to a route of a dialect."""

    path: Mapping[str, str]
    """The decoded values of the parameters in the route's path, without one that contained an access token."""
    query: Mapping[str, str]
    """The decoded query. If a name occurs twice, this has the first value."""
    body: bytes
    given_id: str
    """A new random id. The answer may give this id to the client, which can use it as its peer id."""
    settings: Settings = Settings()


class Answer(NamedTuple):
    """The HTTP response of a route."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200


class View(Protocol):
    """The methods with which a route reads the rooms of its dialect."""

    def listed_rooms(self) -> RoomsListed:
        """Return the rooms that the public list of rooms shows, the oldest first."""

    def peers(self, room: str) -> tuple[PeerView, ...] | None:
        """Return the peers of a room in order of joining, including those that have lost their connection but may
        return. None if there is no such room."""


class Route(NamedTuple):
    """An HTTP route that a dialect has in addition to its WebSocket.

    `answer` is called only for requests whose Host and Origin are allowed, and which the `admit` hook has accepted.
    Pages of other allowed origins may read the response if the dialect is `cross_origin`.
    """

    method: str
    """The HTTP method in upper case. A route for GET also answers HEAD."""
    path: str
    """The path. `{name}` in the path stands for any one segment, whose text `answer` gets as `Asked.path["name"]`. If a
    path without such a segment also matches, its route is used. On the paths `/` and `/ws/signaling/`, a browser is
    redirected to the status page, and does not get the route's answer."""
    answer: Callable[[Asked, View], Answer]
    """Returns the response. The function must not block, and must not change anything. If it raises an exception, the
    exception is logged, and the client gets a 500 without details."""
    max_body_bytes: int = 0
    """The maximum size of the request's body. A request with a larger body is answered with 413."""
    needs_no_token: bool = False
    """Whether a request needs no access token even where tokens are required, because the response tells nothing about
    rooms or peers."""
    reads_rooms: bool = True
    """Whether `answer` uses its `View`. With False, the view is empty, and in a cluster the request does not wait for a
    copy of the owner's rooms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One wire protocol. A dialect has no state: all state is in the hub."""

    name: str
    purpose: str
    """What the dialect is for, in a few words that are shown to people."""
    line: str | None = None
    """The line of code with which an app connects, if that is not `new WebSocket($url)`. `$url`, `$host`, `$port` and
    `$secure` are replaced by JavaScript expressions, and `$origin` by the beginning of the URL, such as
    `ws://localhost:5173`. A `{room}` in the path remains in the URL."""
    without_signals: str | None = None
    """A sentence that the inspector and `sidecar why` show if the peers of a room have sent each other no signals. It
    says why the app may work without signals."""
    paths: tuple[str, ...]
    """The paths of the dialect's WebSocket. The first is `/ws/signaling` or below it. `{room}` stands for a room id."""
    kinds: frozenset[str]
    """The kinds of frames that clients send. These kinds remain in a redacted copy of the event log, and the tests
    send frames of each kind."""
    kind_of: KindOf = kind_in("type")
    """Reads the kind of a text frame."""
    rules: Callable[[Settings], RoomRules]
    """Given the settings, returns the rules of the dialect's rooms."""
    decode: Decode
    """Reads one text frame."""
    decode_binary: Decode | None = None
    """Reads one binary frame. With None, all binary frames are refused."""
    encode: Callable[[Message, int], Encoded]
    """Returns the frame for (message, wall clock in ms), as a `Binary` when it is a binary frame. If the protocol has
    several frames for one message, such as one for each peer of a `PeerList`, returns a tuple of them. With None,
    nothing is sent. The messages of a resumable session are numbered, so each of them has only one frame."""
    mark: Callable[[bytes, Mark], bytes] = lambda text, mark: text
    """Adds the sequence numbers of one receiver's resumable session to a frame that was encoded once for all
    receivers."""
    open: Callable[[Opening], Introduction | Rejection | Closing] = lambda opening: Introduction()
    """Reads a handshake. If it returns a `Closing`, the handshake succeeds, but the connection is closed at once."""
    farewell: Callable[[Closing], bytes | None] = lambda closing: None
    """Returns the only frame that is sent on a connection that is closed directly after its handshake. It is closed
    because `open` has returned a `Closing`, or because the sidecar has its maximum number of connections (code
    1013)."""
    begin: Callable[[Caller, int], Carried | Opened | None] = lambda caller, at_ms: None
    """Returns the command that the handshake itself requests, given the caller and the wall clock (ms since the epoch).
    The command is carried out before the first frame is read. If the command requests a greeting, a room or a group,
    the connection is not closed as idle when the client sends no frame."""
    closing: Callable[[LastWords], Closing | None] = lambda message: None
    """Given a message that was sent to a client, returns how to close its connection, or None to keep it open.

    In every dialect, the hub itself closes the connection of a peer that is removed or replaced in its only room.
    """
    plain_get: Rejection = UPGRADE_REQUIRED
    """The response to an HTTP request for a path of the WebSocket that is not a handshake."""
    routes: tuple[Route, ...] = ()
    """The HTTP routes that the dialect has in addition to its WebSocket."""
    keeps_secrets: bool = False
    """Whether the type of an unknown frame and the reason of a client's Close are left out of the event log, because
    they may contain a secret, such as a pairing code."""
    cross_origin: bool = False
    """Whether pages of other allowed origins may read the HTTP responses of the dialect (CORS)."""
    first_frames: frozenset[str] = frozenset()
    """If the first frame on the shared path `/ws` is of one of these kinds, the connection gets this dialect. This is
    only for protocols in which the client sends the first frame, because `begin` is called only after this frame has
    shown the dialect."""
    frame_budget: FrameBudget = FrameBudget()
    """The frame limits of each connection, as multiples of the limits in the settings."""
    query: str | None = None
    """The name of a parameter that the query of the URL must have, unless the path names the room."""
    tokens_in_frames: bool = False
    """Whether clients can send their access token in a frame: as `credential` of a `Join` or of a request for the list
    of rooms. Where tokens are required, a client may then open a connection without one, but cannot do anything until
    it has sent one. Clients of the other dialects must send their tokens in the handshake."""
    token_parameters: tuple[str, ...] = ()
    """The parameters of the query, or of a route's path, in which clients send their access tokens. Only for protocols
    whose clients cannot send tokens in any other way, because URLs are not secret."""
    query_chooses: bool = False
    """Whether a connection to the shared path `/ws` gets this dialect if its URL has the parameter `query`."""

    @property
    def opens_without_id(self) -> bool:
        """Whether a client can open a WebSocket at the first path with a URL that names neither a room nor a peer."""
        return "{" not in self.paths[0] and isinstance(self.open(Opening()), Introduction)
