"""Answers `GET /ws/signaling/people` with the peers of the listed rooms, and whether each pair is connected.

Only the members of a room may know who is in it, and the list of rooms gives counts only. But everybody on the LAN can
send this request through Vite's proxy. So the request is answered only for browsers on the machine of the sidecar,
whose user can read all of this in the event log anyway. A proxy that cannot prove the address of its client is not
trusted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from aiohttp import web

from signaling_sidecar.analysis.messages import Key, PairNow, Pairs
from signaling_sidecar.dialects import NATIVE
from signaling_sidecar.hub.membership import Room
from signaling_sidecar.paths import PEOPLE_PATH
from signaling_sidecar.server.analysis_process import AnalysisFailed, AnalysisProcess
from signaling_sidecar.server.http.client_address import client_address
from signaling_sidecar.server.http.let_in import may_know_of
from signaling_sidecar.server.pages.page_files import FRESH
from signaling_sidecar.server.rooms_access import RoomsAccess
from signaling_sidecar.untrusted_text import visible

NO_NAME = "somebody without a name"


class Person(msgspec.Struct):
    name: str
    away: bool


class Pair(msgspec.Struct, omit_defaults=True, rename="camel"):
    names: tuple[str, str]
    state: str
    sentence: str
    next_step: str | None = None


class RoomShown(msgspec.Struct, rename="camel"):
    room_id: str
    people: list[Person]
    pairs: list[Pair]


class Answer(msgspec.Struct, omit_defaults=True):
    rooms: list[RoomShown] | None
    """The rooms, or None if the client is not on this machine."""
    problem: str | None = None
    """The reason why the states of the pairs are not known, or None."""


class PeersInRooms:
    """`admit` calls the `admit` hook for a request, and raises HTTPForbidden if the hook refuses the request."""

    def __init__(
        self,
        analysis: AnalysisProcess,
        rooms: RoomsAccess,
        admit: Callable[[web.Request], Awaitable[None]],
    ) -> None:
        self._analysis = analysis
        self._rooms = rooms
        self._admit = admit

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get(PEOPLE_PATH, self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        await self._admit(request)
        address = client_address(request)
        is_here = address is not None and ipaddress.ip_address(address).is_loopback
        answer = await self._shown(request) if is_here else Answer(None)
        return web.Response(
            body=msgspec.json.encode(answer),
            content_type="application/json",
            headers=FRESH,
        )

    async def _shown(self, request: web.Request) -> Answer:
        pairs: list[PairNow] = []
        problem = None
        rooms = [room for room in await self._listed() if may_know_of(request, room.key.room)]
        try:
            if any(len(room.sessions) > 1 for room in rooms):
                pairs = msgspec.msgpack.decode(await self._analysis.ask(Pairs()), type=list[PairNow])
        except AnalysisFailed as error:
            problem = str(error)
        of_room: dict[Key, list[PairNow]] = {}
        for pair in pairs:
            of_room.setdefault(pair.key, []).append(pair)
        return Answer([_room(room, of_room.get(room.key, ())) for room in rooms], problem)

    async def _listed(self) -> list[Room]:
        hub = await self._rooms.hub()
        return [room for room in hub.membership.rooms if room.key.dialect == NATIVE.name and room.listed]


def _room(room: Room, pairs: Iterable[PairNow]) -> RoomShown:
    there = {session.id: session for session in room.sessions.values()}
    inside = [pair for pair in pairs if all(session in there for session in pair.sessions)]
    labels = {
        session: visible(label) for pair in inside for session, label in zip(pair.sessions, pair.labels, strict=True)
    }
    return RoomShown(
        room.key.room,
        [
            Person(visible(labels.get(id_) or session.name or NO_NAME), session.away is not None)
            for id_, session in there.items()
        ],
        [
            Pair((visible(one), visible(other)), pair.state, visible(pair.sentence), pair.next_step)
            for pair in inside
            for one, other in [pair.labels]
        ],
    )
