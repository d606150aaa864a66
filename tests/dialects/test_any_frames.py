"""Arbitrary frames from several connections: nothing fails, nothing crosses rooms, and the sender alone pays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from signaling_sidecar.hub.effects import Effect, Refused, Send
from signaling_sidecar.hub.rules import Ending
from tests.dialects.manners import MANNERS
from tests.kit.any_json import ANYTHING
from tests.kit.wire import Wire

ROOM, HIDDEN_ROOM = "first-room", "the-hidden-room"
HERE, THERE = ("a", "b"), ("c", "d")
SENDERS = (*HERE, "stranger")
TYPES = (
    *("join", "leave", "offer", "answer", "candidate", "signal", "broadcast", "update", "trace", "list_rooms"),
    *("watch_rooms", "ping", "peer-list", "peer-left", "register", "ice_candidate", "ice-candidate", "matchmaking"),
    *("CREATE_ROOM", "JOIN_ROOM", "LEAVE_ROOM", "WEBRTC_OFFER", "WEBRTC_ICE_CANDIDATE", "PING", "RENAME_ROOM"),
    *("RENAME_USER", "CONTROL_MODE_CHANGE", "dance"),
)
FIELDS = (
    *("to", "from", "id", "roomId", "peerId", "name", "metadata", "instance", "capacity", "listed", "s", "a", "c"),
    *("resume", "pairingCode", "target", "payload", "matchSize", "sdp", "candidate", "userId", "userName", "roomName"),
    *("targetUserId", "offer", "newRoomName", "newUserName", "mode", "timestamp"),
)
PLAUSIBLE = strategies.sampled_from(
    (*HERE, *THERE, "stranger", ROOM, "another-room", "", 0, 1, 2, 3, "HOST_ONLY", True)
)
LIKELY_FRAMES = strategies.builds(
    lambda kind, fields: json.dumps({"type": kind, **fields}).encode(),
    strategies.sampled_from(TYPES) | ANYTHING,
    strategies.dictionaries(strategies.sampled_from(FIELDS), PLAUSIBLE | ANYTHING, max_size=6),
)
ALL_FRAMES = LIKELY_FRAMES | ANYTHING.map(lambda value: json.dumps(value).encode()) | strategies.binary(max_size=40)
STEPS = strategies.lists(strategies.tuples(strategies.sampled_from(SENDERS), ALL_FRAMES), max_size=12)


def two_rooms(dialect: str) -> Wire:
    """Two in a room, two in another that is hidden, and one who is nowhere yet."""
    manners, wire = MANNERS[dialect], Wire(dialect)
    for room, names in ((ROOM, HERE), (HIDDEN_ROOM, THERE)):
        for place, name in enumerate(names):
            wire.open(name, room=room, peer=name)
            frame = manners.enter(room, name, place, len(names)) | {"listed": False}
            wire.send(name, json.dumps(frame).encode())
    wire.open("stranger", room=ROOM, peer="stranger")
    for sent in wire.sent.values():
        sent.clear()
    return wire


def errors_to(effects: list[Effect], connection: int) -> int:
    return sum(
        isinstance(effect, Send) and isinstance(effect.message, Refused) and connection in effect.connections
        for effect in effects
    )


def look_at(wire: Wire) -> None:
    """What must always hold of the hub."""
    sessions = [session for room in wire.driver.hub.membership.rooms for session in room.sessions.values()]
    held = [session.connection for session in sessions if session.connection is not None]
    assert len(held) == len(set(held))
    assert all(wire.driver.hub.membership.session(connection) is not None for connection in held)
    assert all(room.sessions for room in wire.driver.hub.membership.rooms)
    for room in wire.driver.hub.membership.rooms:
        assert len(room.sessions) <= room.capacity
        assert room.host is None or room.host in room.sessions.values()


@pytest.mark.parametrize("dialect", MANNERS)
@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_any_frames_cost_their_sender_an_error_at_most_and_cross_no_rooms(
    dialect: str, steps: list[tuple[str, bytes]]
) -> None:
    wire = two_rooms(dialect)
    for sender, frame in steps:
        effects = wire.send(sender, frame)
        for name in wire.callers:
            assert errors_to(effects, wire.callers[name].connection) <= (name == sender)
        look_at(wire)
    assert not any(wire.sent[name] for name in THERE)
    for name in SENDERS:
        assert HIDDEN_ROOM not in json.dumps(wire.sent[name])


@pytest.mark.parametrize("dialect", MANNERS)
@settings(max_examples=60, deadline=None)
@given(steps=STEPS, endings=strategies.lists(strategies.sampled_from(Ending), min_size=5, max_size=5))
def test_after_any_frames_and_any_ends_nothing_is_left(
    dialect: str, steps: list[tuple[str, bytes]], endings: list[Ending]
) -> None:
    wire = two_rooms(dialect)
    for sender, frame in steps:
        wire.send(sender, frame)
    for name, ending in zip(wire.callers, endings, strict=True):
        wire.end(name, ending)
    wire.pass_time(60)
    assert wire.driver.hub.membership.rooms == []
    assert list(wire.driver.hub.matchmaking) == []
    left: Any = wire.driver.hub.next_deadline_s
    assert left is None or left > wire.driver.now_s + 1000  # a hosted room's idleness is looked at a day later
