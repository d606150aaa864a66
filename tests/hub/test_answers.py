"""For dialects with requests and responses, each answer repeats the id of the frame that it answers."""

from __future__ import annotations

from msgspec import UNSET, Raw

from signaling_sidecar.hub import Hub, RoomKey, RoomRules
from signaling_sidecar.hub.commands import (
    Greet,
    Join,
    Leave,
    ListRooms,
    Ping,
    Relay,
    Update,
    UpdateRoom,
    WatchRooms,
)
from signaling_sidecar.hub.effects import Send
from signaling_sidecar.hub.messages import (
    Confirmed,
    Greeting,
    Left,
    NotResumed,
    PeerList,
    Pong,
    Refused,
    Relayed,
    Resumed,
    RoomsListed,
)
from signaling_sidecar.hub.rules import Ending, Endings, Entry, Host, Joining
from tests.kit.hub_driver import CountedIds, Driver

REF = Raw(b'{"call":7}')
BAR = RoomKey("rooms", "bar")


def test_a_client_can_be_greeted_before_it_has_asked_for_anything() -> None:
    assert Driver().handle(Greet(1, "ann")) == [Send((1,), Greeting("ann"))]


def test_each_direct_answer_repeats_the_id_of_its_frame() -> None:
    hub = Driver()
    hub.hub = Hub(
        {"rooms": RoomRules(joining=Joining(capacity=9), entry=Entry(listed=True), host=Host(enabled=True))},
        10,
        CountedIds(),
    )
    hub.join(2, "ben", room="den")
    for command, kind in (
        (Join(connection=1, room=BAR, at_ms=0, peer="ann", ref=REF), PeerList),
        (Join(connection=1, room=BAR, at_ms=0, peer="ann", ref=REF), PeerList),  # again
        (ListRooms(1, "rooms", REF), RoomsListed),
        (WatchRooms(1, "rooms", REF), RoomsListed),
        (Ping(1, REF), Pong),
        (Update(connection=1, name="Ann", ref=REF, confirms=True), Confirmed),
        (UpdateRoom(kind="rename", connection=1, name="Bar", ref=REF, confirms=True), Confirmed),
        (Relay(1, "offer", "zoe", None, b"{}", ref=REF, confirms=True), Refused),
        (Leave(connection=1, ref=REF), Left),
    ):
        assert hub.only(hub.handle(command), kind).ref == REF  # type: ignore[type-var]


def test_a_list_that_answers_no_frame_has_no_id() -> None:
    hub = Driver()
    hub.handle(WatchRooms(9, "rooms", REF))
    hub.join(1, "ann")
    (later,) = hub.pass_time(1)
    assert isinstance(later, Send)
    assert isinstance(later.message, RoomsListed)
    assert later.message.ref is UNSET


def test_a_relay_is_confirmed_after_it_was_sent_and_only_on_request() -> None:
    hub = Driver()
    hub.join(1, "ann")
    hub.join(2, "ben")
    relayed = Send((2,), Relayed("ann", "offer", b"{}", room="bar"))
    assert hub.sent(hub.handle(Relay(1, "offer", "ben", None, b"{}", REF))) == [relayed]
    assert hub.sent(hub.handle(Relay(1, "offer", "ben", None, b"{}", REF, confirms=True))) == [
        relayed,
        Send((1,), Confirmed("offer", REF)),
    ]


def test_the_answers_to_a_resuming_client_repeat_the_id_too() -> None:
    hub = Driver()
    grace_s = dict.fromkeys(Ending, 30.0)
    rules = RoomRules(joining=Joining(capacity=9), endings=Endings(grace_s=grace_s, resumable_grace_s=grace_s))
    hub.hub = Hub({"rooms": rules}, 10, CountedIds())
    ticket = hub.only(hub.join(1, "ann", resumable=True), PeerList).ticket
    assert ticket is not None
    resumed = hub.join(2, "ann", token=ticket.token, after=0, ref=REF)
    assert hub.only(resumed, Resumed).ref == REF
    wrong = hub.join(3, "ann", token="wrong", after=0, ref=REF)
    assert hub.only(wrong, NotResumed).ref == REF
    assert hub.only(wrong, PeerList).ref == REF
