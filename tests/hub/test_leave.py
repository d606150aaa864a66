"""How the hub handles leaves, lost connections, and each other kind of ending."""

from __future__ import annotations

import pytest

from signaling_sidecar.errors import Code
from signaling_sidecar.hub.commands import Tick
from signaling_sidecar.hub.deadlines import MAX_AT_ONCE
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.hub.messages import Left, PeerLeft, PeerUpdated
from signaling_sidecar.hub.rules import Ending, Reason, RoomKey
from tests.kit.hub_driver import Driver


def test_a_leave_followed_by_a_close_is_announced_once() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.join(2, "b")
    assert hub.sent(hub.leave(2, room=RoomKey("rooms", "bar"), claimed_from="b")) == [
        Send((1,), PeerLeft("b", Reason.LEFT, room="bar")),
        Send((2,), Left("bar", "b")),
    ]
    assert hub.end(2, Ending.CLOSED) == []


def test_leave_needs_no_fields_and_the_connection_may_join_again() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.leave(1)
    hub.join(1, "a", room="den")
    assert hub.present("den") == {"a": 1}


def test_a_leave_for_another_room_or_peer_or_from_outside_is_refused() -> None:
    hub = Driver()
    assert hub.refused(hub.leave(1)) == Code.NOT_JOINED
    hub.join(1, "a")
    assert hub.refused(hub.leave(1, room=RoomKey("rooms", "den"))) == Code.NO_SUCH_ROOM
    assert hub.refused(hub.leave(1, claimed_from="b")) == Code.FORGED_FROM
    assert hub.present() == {"a": 1}


def test_a_plain_close_is_a_leave() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.join(2, "b")
    assert hub.sent(hub.end(2, Ending.CLOSED)) == [Send((1,), PeerLeft("b", Reason.CLOSED, room="bar"))]


@pytest.mark.parametrize(("ending", "grace_s"), [(Ending.UNLOADED, 5), (Ending.LOST, 30), (Ending.STOPPED, 30)])
def test_any_other_ending_keeps_the_session_during_its_grace(ending: Ending, grace_s: float) -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.join(2, "b")
    assert hub.sent(hub.end(2, ending)) == []
    assert hub.pass_time(grace_s - 0.1) == [Send((1,), PeerUpdated(peer="b", away=True, room="bar"))]
    assert hub.present() == {"a": 1, "b": None}
    assert hub.pass_time(0.1) == [Send((1,), PeerLeft("b", Reason.LOST, room="bar"))]


def test_a_second_loss_starts_a_new_grace() -> None:
    hub = Driver()
    hub.join(1, "a")
    hub.end(1, Ending.LOST)
    hub.pass_time(29)
    hub.join(2, "a")
    hub.end(2, Ending.LOST)
    hub.pass_time(29)
    assert hub.present() == {"a": None}
    hub.pass_time(1)
    assert hub.views() == {}


def test_a_peer_that_is_away_counts_towards_the_capacity() -> None:
    hub = Driver(capacity=2)
    hub.join(1, "a")
    hub.join(2, "b")
    hub.end(2, Ending.LOST)
    assert hub.refused(hub.join(3, "c")) == Code.ROOM_FULL


def test_a_room_and_its_settings_end_with_its_last_session() -> None:
    hub = Driver(capacity=10)
    hub.join(1, "a", capacity=1)
    ended = hub.leave(1)
    assert [effect.type for effect in ended if isinstance(effect, Record)] == ["peer.left", "room.ended"]
    hub.join(1, "a")
    hub.join(2, "b")
    assert hub.present() == {"a": 1, "b": 2}


@pytest.mark.parametrize(("ending", "reason"), [(Ending.CLOSED, Reason.CLOSED), (Ending.UNLOADED, Reason.LOST)])
def test_the_record_of_who_left_has_how_the_connection_ended(ending: Ending, reason: Reason) -> None:
    hub = Driver()
    hub.join(1, "a")
    effects = hub.end(1, ending)
    hub.now_s += 5
    effects += hub.handle(Tick())
    [left] = [each for each in effects if isinstance(each, Record) and each.type == "peer.left"]
    assert left.data == {"reason": reason, "ending": ending}


def test_very_many_deadlines_of_one_moment_are_carried_out_in_several_ticks() -> None:
    hub, peers = Driver(max_rooms=MAX_AT_ONCE * 2), MAX_AT_ONCE + 1
    for number in range(peers):
        hub.join(number, "a", room=f"room-{number}")
        hub.end(number, Ending.UNLOADED)
    hub.now_s += 5
    left = [records_of(hub.handle(Tick()), "peer.left") for _ in range(3)]
    # Each peer also has an earlier deadline, at which others would be told that it is away.
    assert [len(each) for each in left] == [0, MAX_AT_ONCE - 1, 2]
    assert hub.hub.next_deadline_s is None


def records_of(effects: list[Effect], type_: str) -> list[Record]:
    return [effect for effect in effects if isinstance(effect, Record) and effect.type == type_]
