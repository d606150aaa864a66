"""Hypothesis strategies for frames that clients of a dialect could send, based on the dialect's manners and vectors.

Peer and room names in the vectors are replaced by those of the test, so that many frames are accepted. Some other
values are replaced by arbitrary ones, so that some frames are refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies
from hypothesis.strategies import SearchStrategy

from signaling_sidecar.dialects import DIALECTS, Binary
from tests.dialects.manners import MANNERS
from tests.dialects.vectors import paths_of, played, sent_frame
from tests.kit.any_json import ANYTHING
from tests.kit.text_frames import text_of
from tests.kit.wire import Wire

Draw = Callable[[SearchStrategy[Any]], Any]


class Cast(NamedTuple):
    """The peers of a test, and their rooms."""

    homes: tuple[tuple[str, str], ...]
    """The connections that send frames: for each, the name of its peer and the room."""
    others: tuple[str, ...]
    """The names of peers that send nothing."""

    @property
    def senders(self) -> tuple[str, ...]:
        return tuple(sender for sender, _ in self.homes)

    @property
    def peers(self) -> tuple[str, ...]:
        return (*self.senders, *self.others)

    @property
    def rooms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(room for _, room in self.homes))


class _Template(NamedTuple):
    frame: Any
    """A JSON value, or the bytes of a binary frame."""
    sender: str | None
    peers: frozenset[str]
    rooms: frozenset[str]
    """`sender`, `peers` and `rooms` are the names in the frame that are replaced by those of the test."""


class Said(NamedTuple):
    sender: str
    frame: Any


@strategies.composite
def steps(draw: Draw, dialect: str, cast: Cast) -> tuple[str, bytes]:
    """Draw a sender, and a text frame or, in dialects with binary frames, a binary one. Some frames are invalid."""
    by_kind = said(dialect, cast)
    sender, frame = draw(strategies.sampled_from(by_kind[draw(strategies.sampled_from(tuple(by_kind)))]))
    match draw(strategies.integers(0, 7)):
        case 0:
            return sender, draw(_nonsense(dialect))
        case 1:
            return draw(strategies.sampled_from(cast.senders)), encoded(frame)
        case 2 | 3 | 4:
            return sender, encoded(_changed(draw, frame, cast, _fields(dialect)))
        case 5:
            return sender, _damaged(draw, encoded(frame))
    return sender, encoded(frame)


def _nonsense(dialect: str) -> SearchStrategy[bytes]:
    text = ANYTHING.map(lambda value: json.dumps(value).encode()) | strategies.binary(max_size=40)
    is_text_only = DIALECTS[dialect].decode_binary is None
    return text if is_text_only else text | strategies.binary(max_size=40).map(Binary)


@cache
def said(dialect: str, cast: Cast) -> dict[str | None, list[Said]]:
    """Return the frames that each peer could send, by kind.

    They are from the manners, and from the vectors with replaced names.
    """
    by_kind: dict[str | None, list[Said]] = {}
    wire = Wire(dialect)
    for sender, room in cast.homes:
        for to in cast.peers:
            for frame in (*_of_manners(dialect, room, sender, to), *_of_vectors(dialect, room, sender, to)):
                known = by_kind.setdefault(wire.kind_of(encoded(frame)), [])
                if Said(sender, frame) not in known:
                    known.append(Said(sender, frame))
    return by_kind


def _of_manners(dialect: str, room: str, sender: str, to: str) -> list[Any]:
    manners = MANNERS[dialect]
    frames = [
        *(manners.enter(room, sender, place, size) for size in (1, 2) for place in range(size)),
        manners.offer(room, sender, to, {"sdp": "v=0"}),
        manners.answer(room, sender, to, {"sdp": "v=0"}),
        manners.candidate(room, sender, to, {"candidate": ""}),
        *manners.also(room, sender, to),
        manners.leave(room, sender),
        None if manners.forged is None else manners.forged(room, sender, to, "nobody"),
    ]
    return [frame for frame in frames if frame is not None]


def _of_vectors(dialect: str, room: str, sender: str, to: str) -> Iterator[Any]:
    for template in _templates(dialect):
        renamed = dict.fromkeys(template.rooms, room) | dict.fromkeys(template.peers, to)
        if template.sender is not None:
            renamed[template.sender] = sender
        yield with_names(template.frame, renamed)


def encoded(frame: Any) -> bytes:
    return Binary(frame) if isinstance(frame, bytes) else text_of(frame).encode()


def with_names(value: Any, renamed: Mapping[str, Any]) -> Any:
    """Return the frame with other values in place of these names."""
    if isinstance(value, dict):
        return {name: with_names(each, renamed) for name, each in value.items()}
    if isinstance(value, list):
        return [with_names(each, renamed) for each in value]
    return renamed.get(value, value) if isinstance(value, str) else value


def _changed(draw: Draw, frame: Any, cast: Cast, fields: tuple[str, ...]) -> Any:
    """Replace, add or remove a field or an item at the top level of the frame."""
    values = strategies.sampled_from((*cast.peers, *cast.rooms, "", 0, 1, 2, 3, True)) | ANYTHING
    if isinstance(frame, dict) and (names := (*frame, *fields)):
        name = draw(strategies.sampled_from(names))
        rest = {key: value for key, value in frame.items() if key != name}
        return draw(strategies.just(rest) | values.map(lambda value: {**frame, name: value}))
    if not isinstance(frame, list | bytes):
        return draw(values)
    place = draw(strategies.integers(0, len(frame)))
    more = strategies.binary(max_size=2) if isinstance(frame, bytes) else strategies.lists(values, max_size=2)
    return frame[:place] + draw(more) + frame[place + 1 :]


def _damaged(draw: Draw, frame: bytes) -> bytes:
    """Replace, add or remove some of the bytes."""
    begin, end = sorted((draw(strategies.integers(0, len(frame))), draw(strategies.integers(0, len(frame)))))
    rest = draw(strategies.sampled_from((frame[begin:], frame[end:], b"")))
    return type(frame)(frame[:begin] + draw(strategies.binary(max_size=4)) + rest)


@cache
def _templates(dialect: str) -> list[_Template]:
    return [template for path in paths_of(dialect) for template in _templates_in(path)]


def _templates_in(path: Path) -> Iterator[_Template]:
    peers: set[str] = set()
    rooms: set[str] = set()
    senders: dict[str, str] = {}
    for wire in played(path):
        hub, names = wire.driver.hub, {caller.connection: name for name, caller in wire.callers.items()}
        for waiting in hub.matchmaking:
            senders[names[waiting.connection or -1]] = waiting.peer
        for room in hub.membership.rooms:
            rooms |= {name for name in (room.key.room, room.name) if name is not None}
            for session in room.sessions.values():
                peers.add(session.peer)
                if session.connection in names:
                    senders.setdefault(names[session.connection], session.peer)
    peers |= set(senders.values())
    for step in json.loads(path.read_text())["steps"]:
        frame = sent_frame(step)
        if frame is not None and "text" not in step:
            sender = senders.get(step["from"])
            yield _Template(step.get("send", frame), sender, frozenset(peers), frozenset(rooms))


@cache
def _fields(dialect: str) -> tuple[str, ...]:
    """Return the names of all fields in frames of the dialect."""
    found = [template.frame for template in _templates(dialect)]
    return tuple(sorted({name for frame in found if isinstance(frame, dict) for name in frame}))
