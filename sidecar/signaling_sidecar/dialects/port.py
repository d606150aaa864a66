"""What every dialect is: a handshake read, text in, commands out; messages in, text out; and its rooms' rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import LastWords, Mark, Message
from signaling_sidecar.hub.rules import RoomRules
from signaling_sidecar.settings import Settings


class Opening(NamedTuple):
    """What a WebSocket's handshake says."""

    path_room: str | None = None
    """The room that the path names, where it can."""
    query: Mapping[str, str] = {}
    """Decoded; of a name that is there twice, the first."""
    raw_query: str = ""
    """As it was sent."""


class Introduction(NamedTuple):
    """What a dialect takes from a handshake."""

    room: str | None = None
    peer: str | None = None
    spellings: frozenset[str] = frozenset()
    """How frames may spell the peer's id."""


class Rejection(NamedTuple):
    """An HTTP answer instead of a WebSocket."""

    status: int
    text: str


class Closing(NamedTuple):
    """The end of a connection, on the wire."""

    code: int
    reason: str


UPGRADE_REQUIRED = Rejection(426, "this is a WebSocket endpoint\n")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end of a connection, as far as its handshake says."""

    connection: int
    introduction: Introduction
    conceal: Callable[[str], str]
    """Gives a secret's keyed hash, which says nothing to whom does not have the key."""
    address: str | None = None
    """The IP address, or the network that is as good as one; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One wire protocol. It holds no state: what must be remembered is the hub's."""

    name: str
    purpose: str
    """What it is for, in a few words for people."""
    paths: tuple[str, ...]
    """Where its WebSocket is served; under `/ws/signaling` first. `{room}` stands for a room id."""
    rules: Callable[[Settings], RoomRules]
    """How its rooms behave."""
    decode: Callable[[bytes, Caller, int], Command]
    """Read one text frame: (frame, caller, wall clock in ms since the epoch). Nothing is raised for foreign input:
    what cannot be read is a `Refuse` command."""
    encode: Callable[[Message, int], bytes | None]
    """The wire text of (message, wall clock in ms); None where the dialect is silent about it."""
    mark: Callable[[bytes, Mark], bytes] = lambda text, mark: text
    """Put the numbers of a frame to a resumable session on the text that all its receivers share."""
    open: Callable[[Opening], Introduction | Rejection | Closing] = lambda opening: Introduction()
    """Read the handshake. A `Closing` lets it succeed and ends the connection at once."""
    closing: Callable[[LastWords], Closing | None] = lambda message: None
    """How the message ends its receiver's connection; None: it does not."""
    plain_get: Rejection = UPGRADE_REQUIRED
    """The answer to a request that is no WebSocket handshake."""
    keeps_secrets: bool = False
    """Whether what its clients say in their own words may hold a secret, and is not recorded."""
    cross_origin: bool = False
    """Whether pages of allowed origins may read its HTTP answers."""
    first_frames: frozenset[str] = frozenset()
    """The types of a first frame that choose this dialect on the shared path."""
    query: str | None = None
    """What a query must say, unless the path does."""
    query_chooses: bool = False
    """Whether such a query chooses this dialect on the shared path, whatever the first frame is."""
