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
    """The room that the path names, when the dialect's path has a `{room}`."""
    query: Mapping[str, str] = {}
    """The decoded query. Of a name that occurs twice, the first value counts."""
    raw_query: str = ""
    """The query as the client sent it. It is empty if it held an access token."""
    settings: Settings = Settings()
    removed: str | None = None
    """The parameter that is not in `query`, because it held the access token (`Dialect.token_parameters`)."""
    subject: str | None = None
    """Who the access token was issued to, if one is required and says that."""


class Introduction(NamedTuple):
    """What a dialect has read from a handshake."""

    room: str | None = None
    peer: str | None = None
    spellings: frozenset[str] = frozenset()
    """All the ways in which frames may spell the peer id."""
    own_token: str | None = None
    """A token that the client has made up (`Join.own_token`)."""


class Rejection(NamedTuple):
    """A handshake is answered with this HTTP response instead of a WebSocket."""

    status: int
    text: str


class Closing(NamedTuple):
    """The code and reason of the Close frame that ends a connection."""

    code: int
    reason: str


UPGRADE_REQUIRED = Rejection(426, "this is a WebSocket endpoint\n")


class Caller(NamedTuple):
    """The client of a connection, and what is known of it after the handshake."""

    connection: int
    introduction: Introduction
    conceal: Callable[[str], str]
    """Returns the keyed hash of a secret. Without the key, the hash does not tell anything about the secret."""
    address: str | None = None
    """The IP address of the client, or the network that counts as one address. None when it is not known."""
    given_id: str = ""
    """A UUID that the server has made for this connection. A dialect may use it as the peer id.

    The id ends with the connection, so no client can come back to such a session. If the client's access token is only
    for one peer id, it is that id instead. The tests for all dialects set it to names of peers, and wire vectors to the
    name of the connection.
    """


class FrameBudget(NamedTuple):
    """How many frames a connection may send and leave unread, in relation to the settings `max_frames_per_s`,
    `max_frames_burst` and `max_outbox_bytes`."""

    times: float = 1.0
    """The factor by which these settings are multiplied."""
    per_room: bool = False
    """Whether these settings are also multiplied by the number of rooms that the connection is in."""


Decode = Callable[[bytes, Caller, int], Command]
"""Reads one frame: (frame, caller, wall clock in ms since the epoch). It raises nothing for input that it cannot read,
but returns a `Refuse` command."""


class Asked(NamedTuple):
    """An HTTP request to a route of a dialect."""

    path: Mapping[str, str]
    """The values of the parameters in the route's path, decoded, except one that held an access token."""
    query: Mapping[str, str]
    """The decoded query. Of a name that occurs twice, the first value counts."""
    body: bytes
    given_id: str
    """A new random id, which the answer may give to a client as its peer id."""
    settings: Settings = Settings()


class Answer(NamedTuple):
    """The HTTP answer of a route."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200


class View(Protocol):
    """The information about the rooms of its dialect that a route may use."""

    def listed_rooms(self) -> RoomsListed:
        """The rooms that the list of rooms shows, the oldest first."""

    def peers(self, room: str) -> tuple[PeerView, ...] | None:
        """The peers of a room in order of joining, including those that are away. None when there is no such room."""


class Route(NamedTuple):
    """An HTTP route beside the WebSocket of a dialect.

    The guard and the `admit` hook have let the request in when `answer` is called. Pages of other allowed origins may
    read the answer if the dialect is `cross_origin`.
    """

    method: str
    """In upper case. The HTTP method. A route for GET also answers HEAD."""
    path: str
    """The path, in which `{name}` stands for one segment with any text. `answer` receives that text as
    `Asked.path["name"]`. A path without such a segment takes precedence. On the paths `/` and
    `/ws/signaling/`, a browser is sent to the status page instead."""
    answer: Callable[[Asked, View], Answer]
    """Returns the response. It must neither wait nor change anything. If it raises an exception, the exception is
    logged, and the client gets a 500 without details."""
    max_body_bytes: int = 0
    """The largest body that is accepted. A larger one is answered with 413."""
    needs_no_token: bool = False
    """Whether clients may ask without an access token where one is required, because the answer tells nothing about
    rooms or peers."""
    reads_rooms: bool = True
    """Whether `answer` uses its view. Otherwise the view shows no rooms, and the sidecar does not wait for the rooms if
    another sidecar has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One wire protocol. A dialect has no state: everything that must be remembered is in the hub."""

    name: str
    purpose: str
    """What the dialect is for, in a few words that are shown to people."""
    line: str | None = None
    """The line of code with which an app uses it, if that is not `new WebSocket($url)`. `$url` stands for a JavaScript
    expression with the URL of the WebSocket, in which a `{room}` is not replaced; `$host`, `$port` and `$secure` stand
    for expressions too, and `$origin` for the beginning of the URL, such as `ws://localhost:5173`."""
    paths: tuple[str, ...]
    """The paths of its WebSocket; the first one is below `/ws/signaling`. `{room}` stands for a room id."""
    kinds: frozenset[str]
    """The kinds of frames that its clients send. A shared copy of the event log keeps these words, and the tests send
    frames of each kind."""
    kind_of: KindOf = kind_in("type")
    """Reads the kind of a text frame."""
    rules: Callable[[Settings], RoomRules]
    """Returns the rules of its rooms."""
    decode: Decode
    """Reads one text frame."""
    decode_binary: Decode | None = None
    """Reads one binary frame. With None, all binary frames are refused."""
    encode: Callable[[Message, int], bytes | None]
    """Returns the frame for (message, wall clock in ms), as a `Binary` when it is a binary frame. None sends nothing.
    """
    mark: Callable[[bytes, Mark], bytes] = lambda text, mark: text
    """Adds the numbers of a frame to a resumable session to the text that all receivers share."""
    open: Callable[[Opening], Introduction | Rejection | Closing] = lambda opening: Introduction()
    """Reads a handshake. With a `Closing`, the handshake succeeds and the connection is closed at
    once."""
    farewell: Callable[[Closing], bytes | None] = lambda closing: None
    """Returns a frame that is sent before a connection is closed at once: by `open`, or with the code 1013 because the
    sidecar has its maximum number of connections."""
    begin: Callable[[Caller, int], Carried | Opened | None] = lambda caller, at_ms: None
    """Returns the commands that the handshake itself requests, given the caller and the wall clock (ms since the
    epoch). It is carried out before the first frame is read. A client whose handshake requests a greeting, a room or a
    group need not send any frame."""
    closing: Callable[[LastWords], Closing | None] = lambda message: None
    """Returns how to close the connection of a message's receiver, or None to keep it open.

    A peer that is removed or replaced in its only room loses its connection in every dialect.
    """
    plain_get: Rejection = UPGRADE_REQUIRED
    """The answer to a request that is not a WebSocket handshake."""
    routes: tuple[Route, ...] = ()
    """The HTTP routes that the dialect has in addition to its WebSocket."""
    keeps_secrets: bool = False
    """Whether words that its clients choose, such as the type of an unknown frame, may hold a secret. Such words are
    not recorded."""
    cross_origin: bool = False
    """Whether pages of allowed origins may read its HTTP answers."""
    first_frames: frozenset[str] = frozenset()
    """The kinds of a first frame that choose this dialect on the shared path. It is only for protocols
    whose clients send a frame without waiting for one, because `begin` is carried out after that frame has arrived."""
    frame_budget: FrameBudget = FrameBudget()
    """How many frames a connection may send and leave unread."""
    query: str | None = None
    """The name of a parameter that the query must have, unless the path names the room."""
    tokens_in_frames: bool = False
    """Whether a `Join`, or a request for the list of rooms, has its client's access token as `credential`. Where tokens
    are required, a client may then open a connection without one, but can do nothing there until it has shown one.
    Clients of the other protocols must send their tokens in the handshake."""
    token_parameters: tuple[str, ...] = ()
    """The parameters of the query, or of a route's path, in which clients send their access tokens. Only for protocols
    whose clients cannot send them in any other way, because URLs are not secret."""
    query_chooses: bool = False
    """Whether the presence of the parameter `query` chooses this dialect on the shared path, whatever the first frame
    is."""

    @property
    def opens_without_id(self) -> bool:
        """Whether a client can open a WebSocket at the first path without a room or a peer in the URL."""
        return "{" not in self.paths[0] and isinstance(self.open(Opening()), Introduction)
