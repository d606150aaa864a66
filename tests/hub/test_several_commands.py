"""Several commands in one frame: each is carried out independently, and the client gets at most one error."""

from __future__ import annotations

from signaling_sidecar.errors import Code
from signaling_sidecar.hub.commands import Alive, Join, Leave, ListRooms, Numbered, Ping, Relay, Several, Single, Update
from signaling_sidecar.hub.effects import Challenge, Effect, Record, Send
from signaling_sidecar.hub.messages import PeerList, Pong, Refused, Relayed, RoomsListed
from signaling_sidecar.hub.rules import Challenged, Ending, Endings, Joining, RoomKey, RoomRules
from tests.kit.hub_driver import Driver
from tests.kit.several_rooms import ATTIC, BAR, DEN, Rooms


def frame(hub: Driver, connection: int, *commands: Single) -> list[Effect]:
    return hub.handle(Several(connection, commands))


def join(connection: int, peer: str, room: RoomKey) -> Join:
    return Join(connection=connection, room=room, at_ms=0, peer=peer)


def messages(effects: list[Effect], connection: int) -> list[object]:
    return [each.message for each in effects if isinstance(each, Send) and connection in each.connections]


def errors(effects: list[Effect], connection: int) -> list[Code]:
    return [each.refusal.code for each in messages(effects, connection) if isinstance(each, Refused)]


def refusals(effects: list[Effect]) -> list[str]:
    return [
        each.data["code"]  # type: ignore[index]
        for each in effects
        if isinstance(each, Record) and each.type == "signal.refused"
    ]


def test_the_commands_of_a_frame_are_carried_out_in_order() -> None:
    hub = Rooms()
    hub.enter(2, "ben", DEN)
    done = frame(
        hub, 1, join(1, "ann", BAR), join(1, "ann", DEN), Relay(1, "offer", "ben", None, b"{}", room=DEN), Ping(1)
    )
    assert [type(each) for each in messages(done, 1)] == [PeerList, PeerList, Pong]
    assert messages(done, 2)[1] == Relayed("ann", "offer", b"{}", room="den")


def test_a_refused_command_does_not_keep_the_next_one_from_being_carried_out() -> None:
    hub = Rooms()
    done = frame(hub, 1, Leave(connection=1), join(1, "ann", BAR), ListRooms(1, "many"))
    assert [type(each) for each in messages(done, 1)] == [Refused, PeerList, RoomsListed]
    assert hub.in_rooms(1) == {"bar": "ann"}


def test_each_refusal_is_recorded_and_the_first_one_is_sent() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    done = frame(hub, 1, join(1, "ann", ATTIC), Relay(1, "offer", "zoe", None, b"{}", room=BAR), Leave(connection=1))
    assert refusals(done) == [Code.TOO_MANY_ROOMS, Code.NO_SUCH_PEER, Code.BAD_FIELD]
    assert errors(done, 1) == [Code.TOO_MANY_ROOMS]


def test_a_frame_without_commands_has_no_effect() -> None:
    assert frame(Rooms(), 1) == []


def challenging() -> Rooms:
    """Create a hub with two full rooms, whose peers are removed if they do not answer a challenge."""
    hub = Rooms(
        joining=Joining(capacity=1, rooms_per_connection=9, challenged=Challenged.THE_ROOM),
        endings=Endings(grace_s=dict.fromkeys(Ending, 0.0)),
    )
    hub.enter(2, "ben", BAR)
    hub.enter(3, "cleo", DEN)
    return hub


def test_commands_after_a_join_that_waits_for_a_challenge_wait_too() -> None:
    hub = challenging()
    begun = frame(
        hub,
        1,
        join(1, "ann", ATTIC),
        join(1, "ann", BAR),
        join(1, "ann", DEN),
        Update(connection=1, room=DEN, name="A"),
    )
    assert [type(each) for each in messages(begun, 1)] == [PeerList]
    hub.handle(Relay(1, "offer", None, None, b"{}", room=ATTIC))  # a command of a later frame waits too
    hub.pass_time(2)
    assert hub.in_rooms(1) == {"attic": "ann", "bar": "ann"}, "the next join waits for a challenge of its own"
    hub.pass_time(2)
    assert hub.in_rooms(1) == {"attic": "ann", "bar": "ann", "den": "ann"}
    session = hub.hub.membership.session(1, DEN)
    assert session is not None
    assert session.name == "A"


def test_a_frame_with_a_join_that_waited_is_answered_with_one_error_too() -> None:
    hub = challenging()
    begun = frame(hub, 1, Leave(connection=1), join(1, "ann", BAR), Leave(connection=1))
    assert errors(begun, 1) == [Code.NOT_JOINED]
    assert Challenge(2) in begun
    done = hub.hub.handle(Alive(2), hub.now_s)
    assert refusals(done) == [Code.ROOM_FULL, Code.NOT_JOINED]
    assert errors(done, 1) == []


def test_the_error_of_a_join_that_waited_is_the_one_of_its_frame() -> None:
    hub = challenging()
    frame(hub, 1, Ping(1), join(1, "ann", BAR), Leave(connection=1))
    later = Several(1, (Leave(connection=1),))
    hub.handle(later)
    done = hub.hub.handle(Alive(2), hub.now_s)
    assert errors(done, 1) == [Code.ROOM_FULL, Code.NOT_JOINED], "the second error is the later frame's"


def test_a_numbered_frame_with_several_commands_has_one_number_and_one_error() -> None:
    hub = Driver()
    resumable = dict.fromkeys(Ending, 30.0)
    rules = RoomRules(joining=Joining(capacity=9), endings=Endings(grace_s=resumable, resumable_grace_s=resumable))
    hub.hub.state.rules = {"rooms": rules}
    hub.join(1, "ann", resumable=True)
    hub.join(2, "ben")
    relay = Relay(1, "offer", "ben", None, b"{}")
    nobody = Relay(1, "offer", "zoe", None, b"{}")
    numbered = Numbered(1, Several(1, (relay, nobody, relay, nobody)), a=None, c=1)
    done = hub.handle(numbered)
    assert [type(each) for each in messages(done, 2)] == [Relayed, Relayed]
    assert errors(done, 1) == [Code.NO_SUCH_PEER]
    assert hub.handle(numbered) == []
