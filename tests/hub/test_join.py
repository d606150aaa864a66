"""How the hub handles joins, returns, and connections that replace others."""

from __future__ import annotations

import msgspec
import pytest

from signaling_sidecar.errors import Code
from signaling_sidecar.hub.commands import Join, Update
from signaling_sidecar.hub.effects import Close, Record, Send
from signaling_sidecar.hub.messages import CloseCode, PeerJoined, PeerLeft, PeerList, PeerUpdated, Refused
from signaling_sidecar.hub.rules import Ending, Reason, RoomKey
from signaling_sidecar.hub.views import PeerView
from tests.kit.hub_driver import Driver


def test_a_new_peer_gets_the_list_before_the_others_are_told() -> None:
    hub = Driver()
    hub.join(1, "a")
    assert hub.sent(hub.join(2, "b", at_ms=7)) == [
        Send((2,), PeerList("join", "bar", "b", 7, (PeerView("a", 0),))),
        Send((1,), PeerJoined(PeerView("b", 7), room="bar")),
    ]


def test_a_peer_list_is_in_order_of_joining_and_does_not_contain_its_receiver() -> None:
    hub = Driver()
    for connection, peer in enumerate("cab", start=1):
        hub.join(connection, peer)
    assert hub.listed(4, "d") == ["c", "a", "b"]
    assert hub.listed(2, "a") == ["c", "b", "d"]


def test_a_peer_without_an_id_gets_an_unused_one() -> None:
    hub = Driver()
    hub.join(1, "peer-1")
    listed = hub.only(hub.join(2, None), PeerList)
    assert listed.peer == "peer-2"


def test_a_repeated_join_is_answered_with_a_new_list_and_not_announced() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.join(2, "b")
    assert hub.join(2, "b", name="ignored") == [Send((2,), PeerList("join", "bar", "b", 0, (PeerView("a", 0),)))]


def test_joining_another_room_leaves_the_first_one() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.join(2, "b")
    sent = hub.sent(hub.join(2, "b", room="den"))
    assert sent == [
        Send((1,), PeerLeft("b", Reason.MOVED, room="bar")),
        Send((2,), PeerList("join", "den", "b", 0, ())),
    ]


def test_joining_with_another_id_leaves_first() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.join(2, "b")
    sent = hub.sent(hub.join(2, "c"))
    assert sent == [
        Send((1,), PeerLeft("b", Reason.MOVED, room="bar")),
        Send((2,), PeerList("join", "bar", "c", 0, (PeerView("a", 0),))),
        Send((1,), PeerJoined(PeerView("c", 0), room="bar")),
    ]


@pytest.mark.parametrize("capacity", [None, 2])
def test_a_full_room_refuses_and_changes_nothing(capacity: int | None) -> None:
    hub = Driver(capacity=2 if capacity is None else 10)
    hub.join(1, "a", capacity=capacity)
    hub.join(2, "b")
    hub.join(3, "x", room="den")
    before = hub.views()
    assert hub.refused(hub.join(3, "c")) == Code.ROOM_FULL
    assert hub.views() == before


def test_a_peer_in_a_full_room_may_change_its_id_there() -> None:
    hub = Driver(capacity=2)
    hub.join(1, "a")
    hub.join(2, "b")
    assert hub.only(hub.join(2, "c"), PeerList).peer == "c"


def test_only_the_first_joiner_decides_the_capacity() -> None:
    hub = Driver(capacity=10)
    hub.join(1, "a", capacity=3)
    hub.join(2, "b", capacity=1)
    hub.join(3, "c")
    assert hub.refused(hub.join(4, "d")) == Code.ROOM_FULL


def test_a_capacity_over_the_limit_is_a_bad_field() -> None:
    assert Driver(capacity=10).refused(Driver(capacity=10).join(1, "a", capacity=11)) == Code.BAD_FIELD


def test_a_move_at_the_limit_of_rooms_is_allowed_if_it_ends_a_room() -> None:
    hub = Driver(max_rooms=1)
    hub.join(1, "a")
    assert hub.refused(hub.join(2, "b", room="den")) == Code.TOO_MANY_ROOMS
    assert hub.only(hub.join(1, "a", room="den"), PeerList).room == "den"


def test_a_newer_connection_replaces_the_older_without_an_announcement() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.join(2, "b")
    assert hub.sent(hub.join(3, "a")) == [
        Close(1, CloseCode.REPLACED, "replaced"),
        Send((3,), PeerList("join", "bar", "a", 0, (PeerView("b", 0),))),
    ]
    assert hub.sent(hub.end(1, Ending.LOST)) == []
    assert hub.present() == {"a": 3, "b": 2}


def test_the_fourth_replacement_within_the_window_is_refused_and_the_window_moves_on() -> None:
    hub = Driver()
    hub.join(1, "a")
    for connection in (2, 3, 4):
        hub.join(connection, "a")
    assert hub.refused(hub.join(5, "a")) == Code.ID_TAKEN
    assert hub.present() == {"a": 4}
    hub.now_s += 20
    hub.join(5, "a")
    assert hub.present() == {"a": 5}


def test_a_peer_that_returns_within_a_second_is_not_announced_as_away() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.join(2, "b")
    hub.end(1, Ending.LOST)
    hub.pass_time(0.9)
    assert hub.sent(hub.join(3, "a")) == [Send((3,), PeerList("join", "bar", "a", 0, (PeerView("b", 0),)))]
    assert hub.pass_time(60) == []


def test_a_return_is_announced_only_to_peers_that_were_told_of_the_absence() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.join(2, "b")
    hub.end(1, Ending.LOST)
    assert hub.listed(3, "c", away=True) == ["a"]  # the list tells c that a is away
    assert hub.pass_time(1) == [Send((2,), PeerUpdated(peer="a", away=True, room="bar"))]
    assert hub.sent(hub.join(4, "a"))[1:] == [Send((2, 3), PeerUpdated(peer="a", away=False, room="bar"))]


def test_only_a_newcomer_is_told_of_an_absence_shorter_than_a_second() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.join(2, "b")
    hub.end(1, Ending.LOST)
    hub.join(3, "c")
    assert hub.sent(hub.join(4, "a"))[1:] == [Send((3,), PeerUpdated(peer="a", away=False, room="bar"))]


def test_a_new_instance_is_announced_to_all_others() -> None:
    hub = Driver()
    hub.join(1, "a", instance="one")
    hub.join(2, "b")
    hub.end(1, Ending.UNLOADED)
    assert hub.sent(hub.join(3, "a", instance="two"))[1:] == [
        Send((2,), PeerUpdated(peer="a", instance="two", room="bar"))
    ]


def test_an_unchanged_or_missing_instance_is_not_announced() -> None:
    hub = Driver()
    hub.join(1, "a", instance="one", name="Ada")
    hub.join(2, "b")
    assert hub.sent(hub.join(3, "a", instance="one"))[2:] == []
    assert hub.sent(hub.join(4, "a"))[2:] == []
    assert hub.listed(5, "c", names=True) == ["Ada", None]


def test_an_update_announces_only_the_changed_fields() -> None:
    hub = Driver()
    hub.join(1, "a", name="Ada")
    hub.join(2, "b")
    metadata = msgspec.Raw(b'{"x":1}')
    sent = hub.sent(hub.handle(Update(connection=1, name="Ada", metadata=metadata)))
    assert sent == [Send((2,), PeerUpdated(peer="a", metadata=metadata, room="bar"))]
    assert hub.handle(Update(connection=1, name="Ada", metadata=metadata)) == []


def test_rooms_of_different_dialects_never_meet() -> None:
    hub = Driver()
    hub.join(1, "a")
    other = Join(connection=2, room=RoomKey("other", "bar"), at_ms=0, peer="a")
    assert hub.sent(hub.handle(other)) == [Send((2,), PeerList("join", "bar", "a", 0, ()))]


def test_a_refused_join_is_recorded_with_the_requested_room() -> None:
    hub = Driver(capacity=1)
    hub.join(1, "a")
    record, answer = hub.join(2, "b", name="Ben", ref=msgspec.Raw(b"7"))
    assert isinstance(record, Record)
    assert (record.type, record.room, record.peer, record.kind) == ("signal.refused", "bar", "b", "join")
    assert isinstance(record.data, dict)
    assert record.data["name"] == "Ben"
    assert isinstance(answer, Send)
    assert isinstance(answer.message, Refused)
    assert answer.message.ref == msgspec.Raw(b"7")
