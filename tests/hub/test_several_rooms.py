"""Connections that are in several rooms at once, in a dialect whose rules allow this."""

from __future__ import annotations

import pytest

from signaling_sidecar.errors import Code
from signaling_sidecar.hub import RoomKey, RoomRules
from signaling_sidecar.hub.commands import (
    CloseRoom,
    Command,
    End,
    Join,
    Kick,
    Leave,
    Ping,
    Relay,
    SetRules,
    Trace,
    Update,
    UpdateRoom,
)
from signaling_sidecar.hub.effects import Challenge, Close, Record, Send
from signaling_sidecar.hub.messages import (
    CloseCode,
    Left,
    PeerJoined,
    PeerLeft,
    PeerList,
    Refused,
    Relayed,
    RoomEnded,
    RoomLost,
)
from signaling_sidecar.hub.rules import Challenged, Ending, Endings, Entry, EntryLimit, Host, Joining, OwnRules, Reason
from tests.kit.several_rooms import ATTIC, BAR, DEN, Rooms


def test_a_second_room_is_joined_beside_the_first_one() -> None:
    hub = Rooms()
    hub.enter(2, "ben", BAR)
    hub.enter(1, "ann", BAR)
    joined = hub.enter(1, "ann", DEN)
    assert hub.sent(joined) == [Send((1,), PeerList("join", "den", "ann", 0, ()))]
    assert hub.in_rooms(1) == {"bar": "ann", "den": "ann"}
    assert hub.heard(hub.handle(Relay(2, "offer", "ann", None, b"{}")), 1) == [
        Relayed("ben", "offer", b"{}", room="bar")
    ]


def test_joining_a_room_again_repeats_its_list_and_leaves_the_other_room_alone() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    assert hub.sent(hub.enter(1, None, BAR)) == [Send((1,), PeerList("join", "bar", "ann", 0, ()))]
    assert hub.in_rooms(1) == {"bar": "ann", "den": "ann"}


def test_joining_a_room_again_under_another_id_moves_within_that_room() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    hub.enter(2, "ben", BAR)
    moved = hub.enter(1, "anna", BAR)
    assert hub.heard(moved, 2) == [
        PeerLeft("ann", Reason.MOVED, room="bar"),
        PeerJoined(hub.hub.membership.session(1, BAR).view(), room="bar"),  # type: ignore[union-attr]
    ]
    assert hub.in_rooms(1) == {"den": "ann", "bar": "anna"}


def test_a_room_over_the_limit_is_refused_until_another_one_was_left() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    assert hub.refused(hub.enter(1, "ann", ATTIC)) == Code.TOO_MANY_ROOMS
    assert hub.in_rooms(1) == {"bar": "ann", "den": "ann"}
    hub.handle(Leave(connection=1, room=BAR))
    hub.enter(1, "ann", ATTIC)
    assert hub.in_rooms(1) == {"den": "ann", "attic": "ann"}


def test_no_room_is_lost_when_the_limit_is_lowered() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    hub.handle(SetRules({"many": RoomRules(joining=Joining(capacity=2))}, 100))
    assert hub.refused(hub.enter(1, "ann", ATTIC)) == Code.TOO_MANY_ROOMS
    assert hub.in_rooms(1) == {"bar": "ann", "den": "ann"}


def test_a_join_without_an_id_uses_the_id_from_another_room_if_it_is_unused() -> None:
    hub = Rooms()
    hub.enter(1, None, BAR)
    hub.enter(1, None, DEN)
    assert hub.in_rooms(1) == {"bar": "peer-1", "den": "peer-1"}
    hub.enter(2, "ben", BAR)
    hub.enter(3, "ben", DEN)  # another client with Ben's id
    hub.handle(Leave(connection=1, room=DEN))
    hub.enter(2, None, DEN)
    assert hub.in_rooms(2) == {"bar": "ben", "den": "peer-2"}


def test_a_join_without_an_id_does_not_bring_a_removed_peer_back() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    hub.hub.administer(Kick(DEN, "ann"), hub.now_s)
    assert hub.refused(hub.enter(1, None, DEN)) == Code.BARRED


@pytest.mark.parametrize(
    "command",
    [
        Relay(1, "offer", None, None, b"{}"),
        Update(connection=1, name="Ann"),
        UpdateRoom(kind="rename", connection=1, name="Bar"),
        Leave(connection=1),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_command_must_name_its_room_if_the_connection_is_in_several(command: object) -> None:
    hub = Rooms(host=Host(enabled=True))
    hub.enter(1, "ann", BAR)
    hub.enter(1, "anna", DEN)
    assert hub.refused(hub.handle(command)) == Code.BAD_FIELD  # type: ignore[arg-type]
    for field, value, code in (
        ("room", ATTIC, Code.NO_SUCH_ROOM),
        ("claimed_from", "ben", Code.FORGED_FROM),
    ):
        wrong = type(command)(**{each: getattr(command, each) for each in command.__struct_fields__} | {field: value})  # type: ignore[attr-defined]
        assert hub.refused(hub.handle(wrong)) == code
    fields = {each: getattr(command, each) for each in command.__struct_fields__}  # type: ignore[attr-defined]
    forged = type(command)(**fields | {"room": DEN, "claimed_from": "ann"})  # Ann's id in BAR, but not in DEN
    assert hub.refused(hub.handle(forged)) == Code.FORGED_FROM
    done = hub.handle(type(command)(**fields | {"room": DEN, "claimed_from": "anna"}))
    assert not [each for each in done if isinstance(each, Send) and isinstance(each.message, Refused)]


@pytest.mark.parametrize(
    "command",
    [
        Relay(1, "offer", "ben", None, b"{}", room=DEN),
        Update(connection=1, name="Ann", room=DEN),
        UpdateRoom(kind="rename", connection=1, name="Den", room=DEN),
        Leave(connection=1, room=DEN),
    ],
    ids=lambda command: type(command).__name__,
)
@pytest.mark.parametrize("own", [(), (BAR,), (BAR, ATTIC)], ids=lambda own: f"in {len(own)} rooms")
def test_a_refusal_is_about_the_room_that_was_named_whatever_rooms_the_sender_is_in(
    command: Command, own: tuple[RoomKey, ...]
) -> None:
    hub = Rooms()
    for room in own:
        hub.enter(1, "ann", room)
    record, answer = hub.handle(command)
    assert isinstance(record, Record)
    assert (record.dialect, record.room, record.peer, record.session) == ("many", "den", None, None)
    assert isinstance(answer, Send)
    assert isinstance(answer.message, Refused)
    assert answer.message.room == "den"
    assert answer.message.to == ("ben" if isinstance(command, Relay) else None)


def test_a_relay_goes_to_the_room_that_it_names_and_to_no_other() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    hub.enter(2, "ben", BAR)
    hub.enter(3, "cleo", DEN)
    sent = hub.handle(Relay(1, "offer", None, None, b"{}", room=DEN))
    assert hub.sent(sent) == [Send((3,), Relayed("ann", "offer", b"{}", room="den"))]
    assert hub.refused(hub.handle(Relay(1, "offer", "ben", None, b"{}", room=DEN))) == Code.NO_SUCH_PEER


def test_leaving_one_room_does_not_affect_the_other() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    assert hub.sent(hub.handle(Leave(connection=1, room=DEN))) == [Send((1,), Left("den", "ann"))]
    assert hub.in_rooms(1) == {"bar": "ann"}


def test_the_end_of_a_connection_is_an_ending_in_each_room_by_its_own_rules() -> None:
    hub = Rooms()
    hub.handle(Join(connection=1, room=BAR, at_ms=0, peer="ann"))
    hub.handle(Join(connection=1, room=DEN, at_ms=0, peer="ann", rules=OwnRules(grace_s=0.0)))
    hub.enter(2, "ben", DEN)
    ended = hub.end(1, Ending.LOST)
    assert [each.type for each in ended if isinstance(each, Record)] == ["peer.away", "peer.left"]
    assert hub.heard(ended, 2) == [PeerLeft("ann", Reason.LOST, room="den")]
    assert set(hub.views()) == {BAR, DEN}
    hub.pass_time(31)
    assert set(hub.views()) == {DEN}


def test_a_connection_that_loses_one_of_its_rooms_to_a_newer_one_stays_open() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    taken = hub.enter(2, "ann", BAR)
    assert hub.sent(taken)[0] == Send((1,), RoomLost("bar", "ann", CloseCode.REPLACED, "replaced"))
    assert hub.in_rooms(1) == {"den": "ann"}
    taken = hub.enter(2, "ann", DEN)
    assert hub.sent(taken)[0] == Close(1, CloseCode.REPLACED, "replaced")
    assert hub.in_rooms(2) == {"bar": "ann", "den": "ann"}
    assert hub.end(1, Ending.LOST) == []


def test_a_peer_that_is_removed_from_one_room_stays_in_the_other() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    removed = hub.hub.administer(Kick(BAR, "ann"), hub.now_s)
    assert isinstance(removed, list)
    assert hub.sent(removed) == [Send((1,), RoomLost("bar", "ann", CloseCode.REMOVED, "removed"))]
    removed = hub.hub.administer(Kick(DEN, "ann"), hub.now_s)
    assert isinstance(removed, list)
    assert hub.sent(removed) == [Close(1, CloseCode.REMOVED, "removed")]


def test_a_room_that_is_ended_closes_only_the_connections_that_are_in_no_other() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    hub.enter(2, "ben", BAR)
    closed = hub.hub.administer(CloseRoom(BAR), hub.now_s)
    assert isinstance(closed, list)
    assert hub.sent(closed) == [
        Send((1, 2), RoomEnded("bar", by_admin=True)),
        Close(2, CloseCode.REMOVED, "room closed"),
    ]


def test_only_the_room_that_is_idle_is_ended_and_a_ping_is_activity_in_all_of_them() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    hub.pass_time(90)
    hub.handle(Ping(1))
    hub.pass_time(90)
    hub.handle(Relay(1, "offer", None, None, b"{}", room=DEN))
    assert hub.pass_time(60) == [Send((1,), RoomEnded("bar"))]
    assert hub.in_rooms(1) == {"den": "ann"}


def test_a_newcomer_is_admitted_after_a_challenge_with_the_id_of_its_other_room() -> None:
    hub = Rooms(
        joining=Joining(capacity=2, rooms_per_connection=2, challenged=Challenged.THE_ROOM),
        endings=Endings(grace_s=dict.fromkeys(Ending, 0.0)),
    )
    hub.enter(1, None, DEN)
    hub.enter(2, "ben", BAR)
    hub.enter(3, "cleo", BAR)
    assert [each for each in hub.enter(1, None, BAR) if isinstance(each, Challenge)] == [Challenge(2), Challenge(3)]
    hub.pass_time(2)
    assert hub.in_rooms(1) == {"den": "peer-1", "bar": "peer-1"}


def test_attempts_to_join_are_counted_for_the_connection() -> None:
    hub = Rooms(
        joining=Joining(capacity=9, rooms_per_connection=9),
        entry=Entry(limit=EntryLimit(per_connection=2, per_address=99)),
    )
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    assert hub.refused(hub.enter(1, "ann", ATTIC)) == Code.TOO_FAST


def test_a_report_of_a_browser_belongs_to_the_room_that_it_names() -> None:
    hub = Rooms()
    hub.enter(1, "ann", BAR)
    hub.enter(1, "ann", DEN)
    for room, expected in ((DEN, "den"), (None, None), (ATTIC, None)):
        (record,) = hub.handle(Trace(connection=1, dialect="many", payload=b"{}", room=room))
        assert isinstance(record, Record)
        assert (record.dialect, record.room, record.connection) == ("many", expected, 1)


def test_an_unknown_connection_has_no_rooms() -> None:
    hub = Rooms()
    assert hub.in_rooms(7) == {}
    assert hub.handle(End(7, Ending.LOST)) == []
