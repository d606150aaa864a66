"""In unannounced rooms, a peer is not told who joins, leaves or is away. It gets only frames that are sent to it."""

from __future__ import annotations

import pytest

from signaling_sidecar.hub import Hub, RoomKey
from signaling_sidecar.hub.commands import Command, End, Enqueue, Join, Leave, Relay, Tick, Update
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.hub.messages import Matched, PeerList, Relayed
from signaling_sidecar.hub.rules import Announcements, Ending, Endings, Joining, RoomRules
from tests.kit.hub_driver import GRACE_S, CountedIds

ANN, BEN = 1, 2
RULES = RoomRules(
    joining=Joining(capacity=9),
    endings=Endings(grace_s=GRACE_S, away_notice_s=1.0),
    announcements=Announcements(announces_members=False),
)


def sends(effects: list[Effect]) -> list[Send]:
    return [effect for effect in effects if isinstance(effect, Send)]


def join(hub: Hub, connection: int, peer: str) -> list[Effect]:
    return hub.handle(Join(connection=connection, room=RoomKey("hall", "bar"), at_ms=0, peer=peer), 0.0)


def test_the_list_of_a_newcomer_is_empty_and_its_join_is_not_announced() -> None:
    hub = Hub({"hall": RULES}, 9, CountedIds())
    created = join(hub, ANN, "ann")[0]
    assert isinstance(created, Record)
    assert created.data == {"capacity": 9, "listed": False, "announced": False}
    (sent,) = sends(join(hub, BEN, "ben"))
    assert isinstance(sent.message, PeerList)
    assert (sent.connections, sent.message.peer, sent.message.peers) == ((BEN,), "ben", ())


@pytest.mark.parametrize(
    "command", [Update(connection=BEN, name="Ben"), End(BEN, Ending.LOST), End(BEN, Ending.CLOSED)]
)
def test_events_of_a_peer_are_not_announced(command: Command) -> None:
    hub = Hub({"hall": RULES}, 9, CountedIds())
    join(hub, ANN, "ann")
    join(hub, BEN, "ben")
    assert sends(hub.handle(command, 0.0)) == []
    assert sends(hub.handle(Tick(), 60.0)) == []


def test_only_the_leaving_peer_is_told_of_its_leave() -> None:
    hub = Hub({"hall": RULES}, 9, CountedIds())
    join(hub, ANN, "ann")
    join(hub, BEN, "ben")
    (sent,) = sends(hub.handle(Leave(connection=BEN), 0.0))
    assert sent.connections == (BEN,)


@pytest.mark.parametrize("to", ["ben", None])
def test_frames_of_a_peer_reach_the_others(to: str | None) -> None:
    hub = Hub({"hall": RULES}, 9, CountedIds())
    join(hub, ANN, "ann")
    join(hub, BEN, "ben")
    (sent,) = sends(hub.handle(Relay(ANN, "offer", to, None, b"{}"), 0.0))
    assert sent.connections == (BEN,)
    assert isinstance(sent.message, Relayed)


# --- queues ------------------------------------------------------------------------------------------------------


QUEUES = RoomRules(joining=Joining(capacity=9, one_room_per_peer=True))


def ask(hub: Hub, connection: int, queue: str, peer: str | None = None) -> list[Matched]:
    command = Enqueue(kind="ask", connection=connection, dialect="games", peer=peer, queue=queue, size=2, at_ms=0)
    return [
        sent.message
        for connections in [sends(hub.handle(command, 0.0))]
        for sent in connections
        if isinstance(sent.message, Matched)
    ]


def test_only_peers_that_wait_in_the_same_queue_are_grouped() -> None:
    hub = Hub({"games": QUEUES}, 9, CountedIds())
    assert ask(hub, 1, "chess", "ann") == []
    assert ask(hub, 2, "go", "ben") == []
    assert {each.peers for each in ask(hub, 3, "chess", "cleo")} == {("ann", "cleo")}


def test_a_peer_without_an_id_gets_one_and_keeps_it_for_its_next_request() -> None:
    hub = Hub({"games": QUEUES}, 9, CountedIds())
    ask(hub, 1, "chess")
    ask(hub, 1, "go")
    found = ask(hub, 2, "go")
    assert [(each.peer, each.peers) for each in found] == [
        ("peer-1", ("peer-1", "peer-2")),
        ("peer-2", ("peer-1", "peer-2")),
    ]
