"""Creates a script for each dialect from its manners (`tests/dialects/manners`): two peers join a room, one sends an
offer, one leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import aiohttp

from signaling_sidecar.hub import Ending
from tests.dialects.manners import MANNERS
from tests.dialects.manners.manners import Frame, Manners, has
from tests.kit.programs import until
from tests.kit.receiving import receive
from tests.kit.sites import Sidecar
from tests.kit.text_frames import text_of, value_of
from tests.kit.ways import ANSWERS_WITHIN

ROOM = "watch-party"


@dataclass
class Person:
    socket: aiohttp.ClientWebSocketResponse
    sidecar: Sidecar
    records_before: int
    """The number of records that the log had before the script began."""
    skips: Callable[[Frame], bool]
    """Whether a frame is only a confirmation (`Manners.is_confirmation`)."""


async def sends(person: Person, frame: Frame) -> None:
    await (person.socket.send_bytes(frame) if isinstance(frame, bytes) else person.socket.send_str(text_of(frame)))


async def hears(person: Person, frame: Frame) -> None:
    """Assert that the next frame has these fields. The tests of the dialect check its other fields."""
    told = await _received(person)
    while person.skips(told):
        told = await _received(person)
    assert has(told, frame), told


async def _received(person: Person) -> Frame:
    message = await receive(person.socket)
    return value_of(message.data) if message.type is aiohttp.WSMsgType.TEXT else message.data


async def closes(person: Person, code: int) -> None:
    await person.socket.close(code=code)


async def is_logged(person: Person, record: dict[str, Any]) -> None:
    """Wait until the log has such a record, so that actions of different connections happen in order."""
    await until(
        lambda: any(has(each, record) for each in person.sidecar.records()[person.records_before :]),
        f"the log has {record}",
    )


Step = tuple[str, Callable[[Person, Any], Awaitable[None]], Any]


class Paths(NamedTuple):
    ann: str
    ben: str


class Story(NamedTuple):
    canonical: Paths
    original: Paths
    """The paths of the original server, if there is one for this dialect. If it has several paths, Ann and Ben use
    different ones."""
    other_paths: frozenset[str]
    steps: list[Step]
    is_confirmation: Callable[[str, Frame], bool]


def story_of(dialect: str, manners: Manners) -> Story:
    ann, ben = (manners.other_paths(ROOM, peer) or (manners.path(ROOM, peer),) for peer in ("ann", "ben"))
    return Story(
        canonical=Paths(manners.path(ROOM, "ann"), manners.path(ROOM, "ben")),
        original=Paths(ann[0], ben[-1]),
        other_paths=frozenset((*ann, *ben)),
        steps=_join(dialect, manners) if manners.gives_ids else [*_enter(manners), *_talk(manners), *_leave(manners)],
        is_confirmation=manners.is_confirmation,
    )


def _enter(manners: Manners) -> list[Step]:
    ann, ben = (_asks(manners, name, place) for place, name in enumerate(("ann", "ben")))
    if manners.waits_for_all:
        told = manners.entered(ROOM, "", ["ann", "ben"])
        return [*ann, ("ann", is_logged, {"type": "match.queued"}), *ben, ("ben", hears, told), ("ann", hears, told)]
    return [
        *ann,
        *_hears("ann", manners.entered(ROOM, "ann", [])),
        *ben,
        *_hears("ben", manners.entered(ROOM, "ben", ["ann"])),
        *_hears("ann", manners.joined(ROOM, "ben")),
    ]


def _join(dialect: str, manners: Manners) -> list[Step]:
    """If the server chooses the peer ids, the script does not know them, so the two peers only join."""
    frames = [(name, manners.enter(ROOM, name, place, 2)) for place, name in enumerate(("ann", "ben"))]
    return [
        *((name, sends, frame) for name, frame in frames if frame is not None),
        ("ben", is_logged, {"type": "peer.joined", "dialect": dialect}),
    ]


def _asks(manners: Manners, name: str, place: int) -> list[Step]:
    frame = manners.enter(ROOM, name, place, 2)
    return [*_hears(name, manners.greets(ROOM, name)), *([] if frame is None else [(name, sends, frame)])]


def _talk(manners: Manners) -> list[Step]:
    body = {"type": "offer", "sdp": "v=0 ben"}
    offer, arrives = manners.offer(ROOM, "ben", "ann", body), manners.arrives(ROOM, "ben", "ann", body)
    return [("ben", sends, offer), ("ann", hears, arrives)]


def _leave(manners: Manners) -> list[Step]:
    leave = manners.leave(ROOM, "ben")
    if leave is not None:
        return [("ben", sends, leave), *_hears("ann", manners.left(ROOM, "ben"))]
    is_away = manners.grace_s[Ending.CLOSED] > 0
    logged: Step = ("ben", is_logged, {"type": "peer.away" if is_away else "peer.left"})
    return [("ben", closes, 1000), logged, *_hears("ann", None if is_away else manners.left(ROOM, "ben"))]


def _hears(name: str, frame: Frame | None) -> list[Step]:
    return [] if frame is None else [(name, hears, frame)]


STORIES = {dialect: story_of(dialect, manners) for dialect, manners in MANNERS.items()}


class Origins(NamedTuple):
    """The origins of the pages of Ann and Ben."""

    ann: str
    ben: str


async def play(story: Story, paths: Paths, origins: Origins, url: str, sidecar: Sidecar) -> None:
    records_before = len(sidecar.records())
    async with aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session:
        people = {
            # `ssl=False` accepts the self-signed certificate of a dev server
            name: Person(
                await session.ws_connect(url + path, origin=origin, ssl=False),
                sidecar,
                records_before,
                partial(story.is_confirmation, name),
            )
            for name, path, origin in zip(Paths._fields, paths, origins, strict=True)
        }
        for name, does, what in story.steps:
            await does(people[name], what)
