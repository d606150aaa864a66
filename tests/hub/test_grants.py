"""What the hub decides by a client's access token: whether it may create a room, and which sessions it may resume."""

from __future__ import annotations

from typing import Any

import pytest

from signaling_sidecar.dialects.match import MATCH
from signaling_sidecar.dialects.pairing import PAIRING
from signaling_sidecar.dialects.rooms import ROOMS
from signaling_sidecar.hub import Hub, RoomKey
from signaling_sidecar.hub.commands import Alive, Enqueue, Join, ListRooms, Opened, WatchRooms
from signaling_sidecar.hub.effects import Record, Send
from signaling_sidecar.hub.grant import Grant
from signaling_sidecar.hub.messages import Matched, NotResumed, PeerList, Refused, Resumed, RoomsListed
from signaling_sidecar.hub.rules import Challenged, Ending, Endings, Joining, RoomRules
from signaling_sidecar.settings import Settings
from tests.kit.hub_driver import GRACE_S, CountedIds, Driver


def grant(subject: str | None = "ann", **more: Any) -> Grant:
    return Grant(subject=subject, claims={}, **more)


def code(effects: list[Any]) -> tuple[str, str | None]:
    refusal = Driver.only(effects, Refused).refusal
    return refusal.code, refusal.field


def test_a_room_is_only_created_by_those_who_may() -> None:
    hub = Driver()
    assert code(hub.join(1, "ann", grant=grant(may_create=False))) == ("unauthorised", None)
    assert hub.hub.membership.rooms == []
    hub.join(2, "bob", grant=grant("bob"))
    assert Driver.only(hub.join(1, "ann", grant=grant(may_create=False)), PeerList).peer == "ann"


@pytest.mark.parametrize("ending", [None, Ending.LOST])
@pytest.mark.parametrize("other", ["eve", None])
def test_a_session_is_only_continued_by_its_own_subject(ending: Ending | None, other: str | None) -> None:
    hub = Driver()
    hub.join(1, "ann", grant=grant())
    if ending is not None:
        hub.end(1, ending)
    assert code(hub.join(2, "ann", grant=grant(other))) == ("id-taken", "peer")
    assert code(hub.join(3, "ann")) == ("id-taken", "peer")
    assert Driver.only(hub.join(4, "ann", grant=grant()), PeerList).peer == "ann"


def test_nobody_waits_for_a_peer_that_is_away_to_learn_that_an_id_belongs_to_another_subject() -> None:
    hub = Driver()
    joining = Joining(capacity=9, challenged=Challenged.THE_ID)
    hub.hub = Hub({"rooms": RoomRules(joining=joining, endings=Endings(grace_s=GRACE_S))}, 10, CountedIds())
    hub.join(1, "ann", grant=grant())
    hub.end(1, Ending.LOST)
    assert code(hub.join(2, "ann", grant=grant("eve"))) == ("id-taken", "peer")


def test_the_token_of_a_session_is_worth_nothing_to_another_subject() -> None:
    hub = resumable()
    hub.join(1, "ann", resumable=True, grant=grant())
    hub.end(1, Ending.LOST)
    done = hub.join(2, "ann", token="token-1", after=0, grant=grant("eve"))
    assert Driver.only(done, NotResumed).why == "token"
    assert Driver.only(done, PeerList).peer != "ann"
    assert Driver.only(hub.join(3, "ann", token="token-1", after=0, grant=grant()), Resumed).peer == "ann"


def test_who_may_have_one_id_only_gets_no_other_for_a_wrong_token() -> None:
    hub = resumable()
    only = grant(peer="ann")
    assert Driver.only(hub.join(1, "ann", token="wrong", grant=only), PeerList).peer == "ann"
    assert code(hub.join(2, "ann", token="wrong", grant=only)) == ("id-taken", "peer")


def test_a_join_without_an_id_only_returns_to_a_session_of_its_subject() -> None:
    hub = Driver()
    hub.hub = Hub({"pairing": PAIRING.rules(Settings())}, 10, CountedIds())
    code_ = RoomKey("pairing", "hash")

    def register(connection: int, subject: str) -> list[Any]:
        return hub.handle(Join(connection=connection, room=code_, at_ms=0, room_name="code", grant=grant(subject)))

    register(1, "ann")
    register(2, "bob")
    hub.end(1, Ending.STOPPED)
    assert [each for each in register(3, "eve") if isinstance(each, Send)] == []  # Bob is challenged first
    assert Driver.only(register(4, "ann"), PeerList).peer == "peer-1"
    hub.handle(Alive(2))
    assert [room.sessions.keys() for room in hub.hub.membership.rooms] == [{"peer-1", "peer-2"}]


def test_the_place_in_a_queue_and_in_a_group_belongs_to_the_subject() -> None:
    hub = Driver()
    hub.hub = Hub({"match": MATCH.rules(Settings())}, 10, CountedIds())

    def ask(connection: int, peer: str, subject: str) -> list[Any]:
        return hub.handle(
            Enqueue(
                kind="ask", connection=connection, dialect="match", peer=peer, size=2, at_ms=0, grant=grant(subject)
            )
        )

    (queued,) = [effect for effect in ask(1, "ann", "ann") if isinstance(effect, Record)]
    assert queued.data == {"size": 2, "at_ms": 0, "subject": "ann"}
    assert code(ask(2, "ann", "eve")) == ("id-taken", "peer")
    found = [each.message for each in ask(3, "bob", "bob") if isinstance(each, Send)]
    assert [message.peer for message in found if isinstance(message, Matched)] == ["ann", "bob"]
    assert hub.handle(Opened(4, "match", "ann", grant("eve"))) == []
    assert code(ask(4, "ann", "eve")) == ("id-taken", "peer")
    assert hub.handle(Opened(5, "match", "ann", grant())) != []


def test_lists_have_only_the_rooms_that_the_client_may_know_of() -> None:
    hub = Driver()
    hub.join(1, "ann", room="bar")
    hub.join(2, "bob", room="den")

    def rooms(effects: list[Any], connection: int) -> list[list[str]]:
        lists = [each for each in effects if isinstance(each, Send) and connection in each.connections]
        return [[room.room for room in each.message.rooms] for each in lists if isinstance(each.message, RoomsListed)]

    only = frozenset({"den", "attic"})
    assert rooms(hub.handle(ListRooms(8, "rooms", only=only)), 8) == [["den"]]
    assert rooms(hub.handle(WatchRooms(8, "rooms", only=only)), 8) == [["den"]]
    assert rooms(hub.handle(WatchRooms(9, "rooms")), 9) == [["bar", "den"]]
    hub.join(3, "cleo", room="attic")
    changed = hub.pass_time(1)
    assert (rooms(changed, 8), rooms(changed, 9)) == ([["den", "attic"]], [["bar", "den", "attic"]])


def resumable() -> Driver:
    hub = Driver()
    hub.hub = Hub({"rooms": ROOMS.rules(Settings())}, 10, CountedIds())
    return hub
