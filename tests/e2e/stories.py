"""A short meeting for each wire protocol, in literal frames: two peers join, one sends an offer to the other, one
leaves."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp

from tests.kit.programs import until
from tests.kit.sites import Sidecar
from tests.kit.ways import ANSWERS_WITHIN

HEARS_WITHIN_S = 10.0


@dataclass
class Person:
    socket: aiohttp.ClientWebSocketResponse
    sidecar: Sidecar
    records_before: int
    """The number of records in the log before the meeting began."""


async def sends(person: Person, frame: dict[str, Any]) -> None:
    await person.socket.send_str(json.dumps(frame))


async def hears(person: Person, frame: dict[str, Any]) -> None:
    """The next frame must have these fields. Further fields are checked by the tests of the protocol."""
    told = await person.socket.receive_json(timeout=HEARS_WITHIN_S)
    assert has(told, frame), told


async def closes(person: Person, code: int) -> None:
    await person.socket.close(code=code)


async def is_closed(person: Person, end: tuple[int, str]) -> None:
    message = await person.socket.receive(timeout=HEARS_WITHIN_S)
    assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, *end)


async def is_logged(person: Person, record: dict[str, Any]) -> None:
    """Wait for a frame, so that actions on different connections happen in order."""
    await until(
        lambda: any(has(each, record) for each in person.sidecar.records()[person.records_before :]),
        f"the log has {record}",
    )


def has(whole: object, part: object) -> bool:
    """Whether an object has these fields with equal values."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(name in whole and has(whole[name], value) for name, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return len(whole) == len(part) and all(map(has, whole, part))
    return whole == part


Step = tuple[str, Callable[[Person, Any], Awaitable[None]], Any]


class Paths(NamedTuple):
    ann: str
    ben: str


class Story(NamedTuple):
    canonical: Paths
    original: Paths
    steps: list[Step]


ROOMS = Story(
    canonical=Paths("/ws/signaling", "/ws/signaling"),
    original=Paths("/ws/signaling", "/ws/signaling"),
    steps=[
        ("ann", sends, {"type": "join", "roomId": "bar", "peerId": "ann"}),
        ("ann", hears, {"type": "peer_list", "peers": []}),
        ("ben", sends, {"type": "join", "roomId": "bar", "peerId": "ben"}),
        ("ben", hears, {"type": "peer_list", "peers": [{"peerId": "ann"}]}),
        ("ann", hears, {"type": "peer_joined", "peerId": "ben"}),
        ("ben", sends, {"type": "offer", "to": "ann", "sdp": "v=0 ben"}),
        ("ann", hears, {"type": "offer", "to": "ann", "sdp": "v=0 ben", "from": "ben"}),
        ("ben", sends, {"type": "leave", "roomId": "bar", "peerId": "ben"}),
        ("ann", hears, {"type": "peer_left", "peerId": "ben", "reason": "left"}),
    ],
)

MESH = Story(
    canonical=Paths("/ws/signaling/mesh", "/ws/signaling/mesh"),
    original=Paths("/ws", "/ws"),
    steps=[
        ("ann", sends, {"type": "join", "peerId": "ann"}),
        ("ann", hears, {"type": "peer-list", "peers": []}),
        ("ben", sends, {"type": "join", "peerId": "ben"}),
        ("ben", hears, {"type": "peer-list", "peers": ["ann"]}),
        ("ann", hears, {"type": "peer-joined", "peerId": "ben"}),
        ("ben", sends, {"type": "offer", "from": "ben", "to": "ann", "sdp": "v=0 ben"}),
        ("ann", hears, {"type": "offer", "from": "ben", "to": "ann", "sdp": "v=0 ben"}),
        ("ben", closes, 1000),
        ("ann", hears, {"type": "peer-left", "peerId": "ben"}),
    ],
)

PAIRING = Story(
    canonical=Paths("/ws/signaling/pairing", "/ws/signaling/pairing"),
    original=Paths("/", "/ws"),
    steps=[
        ("ann", sends, {"type": "ping"}),
        ("ann", hears, {"type": "pong"}),
        ("ann", sends, {"type": "register", "pairingCode": "ABC234", "publicKey": "ann's"}),
        ("ann", hears, {"type": "registered", "pairingCode": "ABC234"}),
        ("ben", sends, {"type": "register", "pairingCode": "ABC234", "publicKey": "ben's"}),
        ("ben", hears, {"type": "registered", "pairingCode": "ABC234"}),
        ("ann", hears, {"type": "peer_joined", "pairingCode": "ABC234"}),
        ("ann", sends, {"type": "offer", "target": "ABC234", "payload": {"sdp": "v=0 ann"}}),
        ("ben", hears, {"type": "offer", "from": "ABC234", "payload": {"sdp": "v=0 ann"}}),
        ("ben", closes, 1000),
        ("ann", hears, {"type": "peer_left", "pairingCode": "ABC234"}),
    ],
)

MATCH = Story(
    canonical=Paths("/ws/signaling/match?userId=ann", "/ws/signaling/match?userId=ben"),
    original=Paths("/signal?userId=ann", "/signal?userId=ben"),
    steps=[
        ("ann", sends, {"type": "matchmaking", "matchSize": 2, "from": "ann"}),
        ("ann", is_logged, {"type": "match.queued", "peer": "ann"}),
        ("ben", sends, {"type": "matchmaking", "matchSize": 2, "from": "ben"}),
        ("ben", hears, {"type": "room-found", "peers": ["ann", "ben"]}),
        ("ann", hears, {"type": "room-found", "peers": ["ann", "ben"]}),
        ("ann", sends, {"type": "offer", "sdp": {"type": "offer", "sdp": "v=0 ann"}, "to": "ben", "from": "ann"}),
        ("ben", hears, {"type": "offer", "from": "ann", "sdp": {"type": "offer", "sdp": "v=0 ann"}}),
        ("ben", closes, 1000),
        ("ben", is_logged, {"type": "peer.away", "peer": "ben"}),
        # She is not told that he left: the next frame that she receives is the answer to her next request.
        ("ann", sends, {"type": "matchmaking", "matchSize": 1, "from": "ann"}),
        ("ann", hears, {"type": "room-found", "peers": ["ann"]}),
    ],
)

ROOM = "watch-party"


def _hosted(kind: str, user: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "roomId": ROOM, "userId": user, "timestamp": 1735171200000, **more}


HOSTED = Story(
    canonical=Paths(f"/ws/signaling/hosted/{ROOM}", f"/ws/signaling/hosted?roomId={ROOM}"),
    original=Paths(f"/ws?roomId={ROOM}", f"/ws?roomId={ROOM}"),
    steps=[
        ("ann", sends, _hosted("CREATE_ROOM", "ann", userName="Ann", roomName="Friday")),
        ("ann", hears, {"type": "ROOM_CREATED", "userId": "ann", "roomState": {"hostId": "ann", "name": "Friday"}}),
        ("ben", sends, {"type": "PING", "timestamp": 1735171200000}),
        ("ben", hears, {"type": "PONG"}),
        ("ben", sends, _hosted("JOIN_ROOM", "ben", userName="Ben")),
        ("ben", hears, {"type": "ROOM_JOINED", "roomState": {"users": [{"id": "ann"}, {"id": "ben"}]}}),
        ("ann", hears, {"type": "USER_JOINED", "userId": "system", "joinedUser": {"id": "ben", "name": "Ben"}}),
        ("ann", sends, _hosted("WEBRTC_OFFER", "ann", targetUserId="ben", offer={"type": "offer", "sdp": "v=0"})),
        ("ben", hears, _hosted("WEBRTC_OFFER", "ann", targetUserId="ben", offer={"type": "offer", "sdp": "v=0"})),
        ("ben", sends, _hosted("LEAVE_ROOM", "ben")),
        ("ann", hears, {"type": "USER_LEFT", "userId": "system", "leftUserId": "ben"}),
        ("ben", is_closed, (1000, "User left room")),
    ],
)

STORIES = {"rooms": ROOMS, "mesh": MESH, "pairing": PAIRING, "match": MATCH, "hosted": HOSTED}


class Origins(NamedTuple):
    """The origins of the pages of Ann and Ben."""

    ann: str
    ben: str


async def play(story: Story, paths: Paths, origins: Origins, url: str, sidecar: Sidecar) -> None:
    records_before = len(sidecar.records())
    async with aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session:
        people = {
            # `ssl=False`: the certificate of a dev server is self-signed
            name: Person(await session.ws_connect(url + path, origin=origin, ssl=False), sidecar, records_before)
            for name, path, origin in zip(Paths._fields, paths, origins, strict=True)
        }
        for name, does, what in story.steps:
            await does(people[name], what)
