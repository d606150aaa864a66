"""Contradictory rules raise an error as soon as a dialect creates them, and not only when a peer joins."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.hub.rules import (
    Announcements,
    Ending,
    Endings,
    Entry,
    Host,
    Joining,
    Mailbox,
    OwnRules,
    Relays,
    RoomRules,
    SecondJoin,
)
from signaling_sidecar.settings import Settings

SEVERAL = Joining(capacity=2, rooms_per_connection=2)
KEEPING = Relays(mailbox=Mailbox(frames=1, payload_bytes=9, total_payload_bytes=9, keep_s=5.0))
RESUMABLE = Endings(resumable_grace_s=dict.fromkeys(Ending, 30.0))


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (lambda: Joining(capacity=0), "at least 1"),
        (lambda: Joining(capacity=2, rooms_per_connection=0), "at least 1"),
        (lambda: Joining(capacity=2, rooms_per_connection=2, second_join=SecondJoin.FORGED), "second_join"),
        (lambda: Joining(capacity=2, rooms_per_connection=2, one_room_per_peer=True), "`one_room_per_peer`"),
        (lambda: Joining(capacity=2, replacements=3), "set together"),
        (lambda: Joining(capacity=2, replacement_window_s=20.0), "set together"),
        (lambda: Endings(grace_s={Ending.LOST: 1.0}), "no value for closed, unloaded, stopped"),
        (lambda: RoomRules(joining=Joining(capacity=2), endings=Endings(durable=True)), "resumable sessions"),
        (lambda: RoomRules(joining=Joining(capacity=2), entry=Entry(secret=True), relays=KEEPING), "secret rooms"),
        (
            lambda: RoomRules(joining=SEVERAL, entry=Entry(secret=True), relays=Relays(publishes=True)),
            "without secrets",
        ),
        (
            lambda: RoomRules(joining=Joining(capacity=2), endings=RESUMABLE, relays=Relays(publishes=True)),
            "without resumable sessions",
        ),
        (lambda: Host(modes=("solo",)), "need a host"),
        (lambda: Announcements(tells_contacts=True), "not told about each other"),
        (lambda: RoomRules(joining=SEVERAL, endings=RESUMABLE), "one room only"),
        (lambda: RoomRules(joining=SEVERAL, relays=Relays(to_other_rooms=True)), "`to_other_rooms`"),
    ],
)
def test_contradictory_rules_are_refused_when_they_are_created(build: Callable[[], object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        build()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_room_can_differ_from_its_dialect_in_each_rule_that_a_hook_may_set(dialect: str) -> None:
    rules = DIALECTS[dialect].rules(Settings())
    own = OwnRules(capacity=1, listed=not rules.entry.listed, grace_s=7.0, host="gina").over(rules)
    assert (own.joining.capacity, own.entry.listed, own.host.peer) == (1, not rules.entry.listed, "gina")
    assert {ending: own.endings.grace_s[ending] for ending in rules.endings.own_grace} == dict.fromkeys(
        rules.endings.own_grace, 7.0
    )
    assert OwnRules().over(rules) == rules


@pytest.mark.parametrize("dialect", ["matchbox", "y-webrtc"])
def test_no_room_keeps_the_session_of_a_lost_connection_if_each_connection_gets_a_new_id(dialect: str) -> None:
    own = OwnRules(grace_s=60.0).over(DIALECTS[dialect].rules(Settings()))
    assert own.endings.grace_s == dict.fromkeys(Ending, 0.0)


def test_a_room_with_its_own_rules_is_never_larger_than_its_dialect_allows() -> None:
    rules = DIALECTS["pairing"].rules(Settings())
    assert OwnRules(capacity=50).over(rules).joining.capacity == 2
