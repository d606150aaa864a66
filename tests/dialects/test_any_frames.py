"""Arbitrary frames cause no exception, reach no other room, and cause an error only to their sender."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given, strategies

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.hub.commands import Numbered, Refuse, SetOwnRules
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.messages import Refused
from signaling_sidecar.hub.rules import Ending, OwnRules
from tests.dialects.likely_frames import Cast, Said, encoded, said, steps
from tests.dialects.manners import MANNERS
from tests.dialects.vectors import paths_of, sent_frame
from tests.kit import too_deep
from tests.kit.wire import Wire

ROOM, HIDDEN_ROOM, NEW_ROOM = "first-room", "the-hidden-room", "another-room"
HERE, THERE = ("a", "b"), ("c", "d")
CAST = Cast((("a", ROOM), ("b", ROOM), ("stranger", ROOM), ("founder", NEW_ROOM)), THERE)
UNREADABLE = (b"NaN", b"01", b'"\xff"', b"[")
KINDS = [(name, kind) for name in MANNERS for kind in sorted(DIALECTS[name].kinds)]


def two_rooms(dialect: str) -> Wire:
    """Create a hub with two peers in a room, two in a hidden room, and two connections that have not joined a room."""
    manners, wire = MANNERS[dialect], Wire(dialect)
    for room, names in ((ROOM, HERE), (HIDDEN_ROOM, THERE)):
        for place, name in enumerate(names):
            wire.open(name, room=room, peer=name)
            frame = manners.enter(room, name, place, len(names))
            if frame is not None:
                wire.send(name, encoded(frame))
    (hidden,) = {session.room.key for session in map(wire.session_of, THERE) if session is not None}
    wire.administer(SetOwnRules(hidden, OwnRules(listed=False)))
    wire.open("stranger", room=ROOM, peer="stranger")
    wire.open("founder", room=NEW_ROOM, peer="founder")
    for sent in wire.sent.values():
        sent.clear()
    return wire


def errors_to(effects: list[Effect], connection: int) -> int:
    return sum(
        isinstance(effect, Send) and isinstance(effect.message, Refused) and connection in effect.connections
        for effect in effects
    )


def look_at(wire: Wire) -> None:
    """Assert the invariants of the hub's rooms and sessions."""
    membership = wire.driver.hub.membership
    sessions = [session for room in membership.rooms for session in room.sessions.values()]
    held = [session.connection for session in sessions if session.connection is not None]
    assert sorted(held) == sorted(connection for connection in set(held) for _ in membership.sessions(connection))
    for session in sessions:
        if session.connection is not None:
            assert membership.session(session.connection, session.room.key) is session
    assert all(room.sessions for room in wire.driver.hub.membership.rooms)
    for room in wire.driver.hub.membership.rooms:
        assert len(room.sessions) <= room.capacity
        assert room.host is None or room.host in room.sessions.values()


@pytest.mark.fuzz
@pytest.mark.parametrize("dialect", MANNERS)
def test_any_frame_causes_at_most_one_error_and_reaches_no_other_room(dialect: str) -> None:
    @given(strategies.lists(steps(dialect, CAST), max_size=12))
    def send(sent: list[tuple[str, bytes]]) -> None:
        wire = two_rooms(dialect)
        for sender, frame in sent:
            effects = wire.send(sender, frame)
            for name in wire.callers:
                assert errors_to(effects, wire.callers[name].connection) <= (name == sender)
            look_at(wire)
        assert not any(wire.sent[name] for name in THERE)
        for name in CAST.senders:
            assert HIDDEN_ROOM not in str(wire.sent[name])

    send()


@pytest.mark.parametrize(("dialect", "kind"), KINDS)
def test_frames_of_each_kind_are_relayed(dialect: str, kind: str) -> None:
    """If the hub refused all frames of a kind, the tests of arbitrary frames would prove little."""

    def gets_through(step: Said) -> bool:
        wire = two_rooms(dialect)
        wire.accepted.clear()
        wire.send(step.sender, encoded(step.frame))
        return kind in wire.accepted

    assert any(map(gets_through, said(dialect, CAST).get(kind, []))), (
        "all frames of this kind are refused: `also` in its manners can give others"
    )


@pytest.mark.fuzz
@pytest.mark.parametrize("dialect", MANNERS)
def test_nothing_remains_after_any_frames_and_endings(dialect: str) -> None:
    endings = strategies.lists(strategies.sampled_from(Ending), min_size=6, max_size=6)

    @given(strategies.lists(steps(dialect, CAST), max_size=12), endings)
    def send_and_end(sent: list[tuple[str, bytes]], endings: list[Ending]) -> None:
        wire = two_rooms(dialect)
        for sender, frame in sent:
            wire.send(sender, frame)
        for name, ending in zip(wire.callers, endings, strict=True):
            wire.end(name, ending)
        wire.driver.hub.matchmaking.start_graces(wire.driver.now_s)  # as a restart does
        wire.pass_time(60)
        assert wire.driver.hub.membership.rooms == []
        assert list(wire.driver.hub.matchmaking) == []
        left: Any = wire.driver.hub.next_deadline_s
        assert left is None or left > wire.driver.now_s + 1000  # only the deadline for idle rooms

    send_and_end()


@pytest.mark.parametrize("dialect", MANNERS)
def test_an_unreadable_frame_is_refused_without_an_exception(dialect: str) -> None:
    wire = two_rooms(dialect)
    texts = {sent_frame(step) for path in paths_of(dialect) for step in json.loads(path.read_text())["steps"]}
    frames = sorted(each for each in texts if type(each) is bytes and each.endswith((b"]", b"}")))
    one_of_each_kind = {DIALECTS[dialect].kind_of(frame): frame for frame in frames}.values()
    # Reading a text that is nested too deeply takes 0.1 s, so only one frame of each kind gets it.
    for frame, unreadable in [*product(frames, UNREADABLE), *product(one_of_each_kind, [too_deep.LIST.encode()])]:
        name = b'"deep":' if frame.endswith(b"}") else b""
        comma = b"," if len(frame) > 2 else b""
        command = wire.decode(frame[:-1] + comma + name + unreadable + frame[-1:], wire.caller("a"), 0)
        assert isinstance(command.command if isinstance(command, Numbered) else command, Refuse)
