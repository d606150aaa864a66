"""The list of rooms, which a client can request once or watch."""

from __future__ import annotations

import pytest

from signaling_sidecar.hub import OwnRules, RoomKey
from signaling_sidecar.hub.commands import ListRooms, SetOwnRules, UnwatchRooms, WatchRooms
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.messages import RoomsListed
from signaling_sidecar.hub.rules import Ending
from signaling_sidecar.hub.views import RoomView
from tests.kit.hub_driver import Driver


def lists(effects: list[Effect]) -> list[tuple[tuple[int, ...], dict[str, int]]]:
    return [
        (e.connections, {room.room: room.peers for room in e.message.rooms})
        for e in effects
        if isinstance(e, Send) and isinstance(e.message, RoomsListed)
    ]


def test_rooms_can_be_listed_before_joining() -> None:
    hub = Driver()
    hub.join(1, "a", at_ms=5, capacity=3)
    (answer,) = hub.handle(ListRooms(9, "rooms"))
    assert answer == Send((9,), RoomsListed((RoomView("bar", 1, 5, 3),)))


def test_unlisted_rooms_and_those_of_other_dialects_are_not_shown() -> None:
    hub = Driver()
    hub.join(1, "a", room="secret", listed=False)
    hub.join(2, "a")
    assert lists(hub.handle(ListRooms(9, "rooms"))) == [((9,), {"bar": 1})]
    assert lists(hub.handle(ListRooms(9, "other"))) == [((9,), {})]


def test_a_watcher_receives_each_change_but_at_most_four_lists_per_second() -> None:
    hub = Driver()
    assert lists(hub.handle(WatchRooms(9, "rooms"))) == [((9,), {})]
    assert lists(hub.join(1, "a")) == []
    hub.join(2, "b")
    assert lists(hub.pass_time(0.25)) == [((9,), {"bar": 2})]
    assert lists(hub.pass_time(1)) == []
    assert lists(hub.join(3, "c")) == [((9,), {"bar": 3})]


def test_the_last_of_at_most_four_lists_per_second_is_current() -> None:
    hub = Driver()
    hub.handle(WatchRooms(9, "rooms"))
    hub.pass_time(1)
    seen = []
    for connection in range(1, 41):
        seen += lists(hub.join(connection, f"p{connection}"))
        seen += lists(hub.pass_time(1 / 40))
    assert len(seen) <= 5  # one list at first, and four in one second
    seen += lists(hub.pass_time(0.25))
    assert seen[-1] == ((9,), {"bar": 40})


def test_each_of_several_watchers_gets_a_change_as_soon_as_its_last_list_is_old_enough() -> None:
    hub = Driver()
    hub.handle(WatchRooms(8, "rooms"))
    hub.handle(WatchRooms(7, "other"))
    hub.pass_time(0.1)
    hub.handle(WatchRooms(9, "rooms"))
    hub.join(1, "a")
    assert lists(hub.pass_time(0.15)) == [((8,), {"bar": 1})]
    hub.handle(WatchRooms(9, "rooms"))  # the answer is the current list
    assert lists(hub.pass_time(1)) == []
    assert lists(hub.join(2, "b")) == [((8, 9), {"bar": 2})]


def test_a_hidden_room_causes_no_list_for_watchers() -> None:
    hub = Driver()
    hub.handle(WatchRooms(9, "rooms"))
    hub.pass_time(1)
    assert lists(hub.join(1, "a", listed=False)) == []
    assert lists(hub.pass_time(1)) == []


@pytest.mark.parametrize("asked", [True, False])
def test_a_room_without_own_rules_is_shown_again_if_its_first_peer_has_asked_for_it(asked: bool) -> None:
    hub = Driver()
    key = RoomKey("rooms", "bar")
    hub.join(1, "a", listed=asked, rules=OwnRules(listed=not asked))
    hub.handle(WatchRooms(9, "rooms"))
    hub.pass_time(1)
    ruled = hub.hub.administer(SetOwnRules(key, OwnRules(capacity=2)), hub.now_s)
    assert isinstance(ruled, list)
    (shown,) = lists(ruled)
    assert shown == ((9,), {"bar": 1} if asked else {})


def test_a_client_that_stops_watching_or_disconnects_gets_no_more_lists() -> None:
    hub = Driver()
    hub.handle(WatchRooms(8, "rooms"))
    hub.handle(WatchRooms(9, "rooms"))
    hub.handle(UnwatchRooms(8))
    hub.end(9, Ending.LOST)
    hub.pass_time(1)
    assert lists(hub.join(1, "a")) == []


def test_a_joiner_that_watches_gets_its_peer_list_first() -> None:
    hub = Driver()
    hub.join(1, "a", room="den")
    hub.handle(WatchRooms(1, "rooms"))
    hub.pass_time(1)
    kinds = [type(e.message).__name__ for e in hub.join(1, "a") if isinstance(e, Send)]
    assert kinds == ["PeerList", "RoomsListed"]
