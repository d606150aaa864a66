"""Arbitrary sequences of commands have the effects that a simple model predicts."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from signaling_sidecar.errors import Code
from signaling_sidecar.hub import RoomKey
from signaling_sidecar.hub.commands import Leave, ListRooms, Relay, Several
from signaling_sidecar.hub.effects import Close, Effect, Send
from signaling_sidecar.hub.messages import (
    Confirmed,
    Left,
    PeerJoined,
    PeerLeft,
    PeerList,
    PeerUpdated,
    Refused,
    Relayed,
    RoomLost,
    RoomsListed,
)
from signaling_sidecar.hub.rules import Ending
from tests.kit.hub_driver import GRACE_S, Driver

CAPACITY, MAX_ROOMS = 3, 3
PEERS, ROOMS = ("a", "b", "c", "d"), ("bar", "den", "attic", "roof")
CONNECTIONS = range(1, 7)
connections, rooms, peers = map(strategies.sampled_from, (CONNECTIONS, ROOMS, PEERS))


@dataclass
class Place:
    """A peer in a room of the model: its connection, and until when the peer is kept without one."""

    connection: int | None
    until_s: float | None = None
    replaced_s: list[float] = field(default_factory=list)


@dataclass
class Client:
    """The state of one room as a client derives it from the frames that it was sent."""

    peer: str
    sees: dict[str, bool] = field(default_factory=dict)
    """Maps the id of each other peer to whether that peer is away."""


class HubMachine(RuleBasedStateMachine):
    """The model consists of rooms with places, and of clients with the state that their page would show."""

    rooms_per_connection = 1

    def __init__(self) -> None:
        super().__init__()
        self.hub = Driver(CAPACITY, MAX_ROOMS, self.rooms_per_connection)
        self.rooms: dict[str, dict[str, Place]] = {}
        self.clients: dict[int, dict[str, Client]] = {connection: {} for connection in CONNECTIONS}
        """By connection and room."""

    # --- the model -------------------------------------------------------------------------------------------------

    def places_of(self, connection: int) -> dict[str, str]:
        """Return a dict from each room to the peer id that this connection has there."""
        return {
            room: peer
            for room, places in self.rooms.items()
            for peer, place in places.items()
            if place.connection == connection
        }

    def drop(self, room: str, peer: str) -> None:
        del self.rooms[room][peer]
        if not self.rooms[room]:
            del self.rooms[room]

    def given_up(self, connection: int, room: str, peer: str) -> tuple[str, str] | None:
        """The room and the id of the session that the connection ends by joining, or None."""
        here = self.places_of(connection)
        if here.get(room) == peer:
            return None
        if room in here:
            return room, here[room]
        return next(iter(here.items()), None) if self.rooms_per_connection == 1 else None

    def expected_refusal(self, connection: int, room: str, peer: str) -> Code | None:
        here, given_up = self.places_of(connection), self.given_up(connection, room, peer)
        if here.get(room) == peer:
            return None
        if len(here) - (given_up is not None) >= self.rooms_per_connection:
            return Code.TOO_MANY_ROOMS
        place = self.rooms.get(room, {}).get(peer)
        if place is not None:
            recent = [when for when in place.replaced_s if when > self.hub.now_s - 20]
            return Code.ID_TAKEN if place.connection is not None and len(recent) >= 3 else None
        if room not in self.rooms:
            ending = given_up is not None and len(self.rooms[given_up[0]]) == 1
            return Code.TOO_MANY_ROOMS if len(self.rooms) - ending >= MAX_ROOMS else None
        moving = given_up is not None and given_up[0] == room
        return Code.ROOM_FULL if len(self.rooms[room]) - moving >= CAPACITY else None

    # --- what happens ----------------------------------------------------------------------------------------------

    @rule(connection=connections, room=rooms, peer=peers)
    def join(self, connection: int, room: str, peer: str) -> None:
        refusal = self.expected_refusal(connection, room, peer)
        before = self.hub.views()
        effects = self.hub.join(connection, peer, room=room)
        if refusal is not None:
            assert self.hub.refused(effects) == refusal
            assert self.hub.views() == before
            return
        given_up = self.given_up(connection, room, peer)
        if given_up is not None:
            self.drop(*given_up)
            del self.clients[connection][given_up[0]]
        place = self.rooms.setdefault(room, {}).setdefault(peer, Place(None))
        if place.connection not in (None, connection):
            place.replaced_s.append(self.hub.now_s)
        place.connection, place.until_s = connection, None
        self.clients[connection][room] = Client(peer)
        self.deliver(effects)

    def room_meant(self, connection: int, room: str | None) -> str | Code:
        """The room to which a command of this connection applies, or the code with which it is refused."""
        here = self.places_of(connection)
        if not here:
            return Code.NOT_JOINED
        if room is not None:
            return room if room in here else Code.NO_SUCH_ROOM
        return next(iter(here)) if len(here) == 1 else Code.BAD_FIELD

    @rule(connection=connections, room=rooms | strategies.none())
    def leave(self, connection: int, room: str | None) -> None:
        meant = self.room_meant(connection, room)
        effects = self.hub.leave(connection, room=None if room is None else RoomKey("rooms", room))
        if isinstance(meant, Code):
            assert self.hub.refused(effects) == meant
            return
        self.drop(meant, self.places_of(connection)[meant])
        del self.clients[connection][meant]
        self.deliver(effects)

    @rule(connection=connections, ending=strategies.sampled_from(Ending))
    def end(self, connection: int, ending: Ending) -> None:
        here = self.places_of(connection)
        self.clients[connection] = {}
        effects = self.hub.end(connection, ending)
        for room, peer in here.items():
            if GRACE_S[ending] == 0:
                self.drop(room, peer)
            else:
                place = self.rooms[room][peer]
                place.connection, place.until_s = None, self.hub.now_s + GRACE_S[ending]
        self.deliver(effects)

    @rule(
        connection=connections,
        room=rooms | strategies.none(),
        to=peers | strategies.none(),
        claimed=peers | strategies.none(),
    )
    def relay(self, connection: int, room: str | None, to: str | None, claimed: str | None) -> None:
        key = None if room is None else RoomKey("rooms", room)
        effects = self.hub.handle(Relay(connection, "offer", to, claimed, b"{}", room=key))
        here, meant = self.places_of(connection), self.room_meant(connection, room)
        if here and claimed is not None and claimed not in here.values():
            meant = Code.FORGED_FROM
        if isinstance(meant, Code):
            assert self.hub.refused(effects) == meant
            return
        peer = here[meant]
        others = {name: place.connection for name, place in self.rooms[meant].items() if name != peer}
        if claimed not in (None, peer):
            assert self.hub.refused(effects) == Code.FORGED_FROM
        elif to is not None and to not in others:
            assert self.hub.refused(effects) == Code.NO_SUCH_PEER
        elif to is not None and others[to] is None:
            assert self.hub.refused(effects) == Code.PEER_AWAY
        else:
            expected = {c for name, c in others.items() if c is not None and to in (None, name)}
            relayed = [e for e in effects if isinstance(e, Send) and isinstance(e.message, Relayed)]
            assert all(send.message.room == meant for send in relayed)  # type: ignore[union-attr]
            assert sorted(c for send in relayed for c in send.connections) == sorted(expected)

    @rule(connection=connections, several=strategies.lists(rooms, max_size=4))
    def leave_several(self, connection: int, several: list[str]) -> None:
        effects = self.hub.handle(
            Several(connection, tuple(Leave(connection=connection, room=RoomKey("rooms", room)) for room in several))
        )
        answers = [e.message for e in effects if isinstance(e, Send) and connection in e.connections]
        left = {message.room for message in answers if isinstance(message, Left)}
        assert left == set(several) & set(self.places_of(connection))
        assert sum(isinstance(message, Refused) for message in answers) == (len(left) < len(several))
        for room in left:
            self.drop(room, self.clients[connection].pop(room).peer)
        self.deliver([e for e in effects if not (isinstance(e, Send) and isinstance(e.message, Refused))])

    @rule(seconds=strategies.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.deliver(self.hub.pass_time(seconds))
        for room, places in list(self.rooms.items()):
            for peer, place in list(places.items()):
                if place.until_s is not None and place.until_s <= self.hub.now_s:
                    self.drop(room, peer)

    # --- what the clients make of it -------------------------------------------------------------------------------

    def deliver(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                for connection in effect.connections:
                    self.receive(self.clients[connection], effect.message)
            elif isinstance(effect, Close):
                assert len(self.clients[effect.connection]) <= 1, "it has lost only one of its rooms"
                self.clients[effect.connection] = {}

    def receive(self, client: dict[str, Client], message: object) -> None:
        match message:
            case PeerList():
                assert client[message.room].peer == message.peer
                client[message.room].sees = {view.peer: view.away for view in message.peers}
            case PeerJoined():
                assert message.peer.peer not in client[message.room].sees
                client[message.room].sees[message.peer.peer] = False
            case PeerLeft():
                del client[message.room].sees[message.peer]
            case PeerUpdated():
                assert client[message.room].sees[message.peer] is not message.away
                if message.away is not None:
                    client[message.room].sees[message.peer] = message.away
            case RoomLost():
                del client[message.room]
                assert client, "a connection that has lost its only room is closed"
            case _:
                assert not isinstance(message, Refused | Relayed | Confirmed)

    # --- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def the_hub_is_as_the_model(self) -> None:
        model = {
            room: {peer: (place.connection, place.connection is None) for peer, place in places.items()}
            for room, places in self.rooms.items()
        }
        assert {key.room: peers for key, peers in self.hub.views().items()} == model

    @invariant()
    def each_client_sees_all_others_of_its_rooms_and_nobody_else(self) -> None:
        for connection, client in self.clients.items():
            here = self.places_of(connection)
            assert {room: each.peer for room, each in client.items()} == here
            assert len(here) <= self.rooms_per_connection
            sessions = self.hub.hub.membership.sessions(connection)
            assert {session.room.key.room: session.peer for session in sessions} == here
            for room, peer in here.items():
                assert set(client[room].sees) == set(self.rooms[room]) - {peer}

    @invariant()
    def the_list_of_rooms_counts_who_is_there(self) -> None:
        (sent,) = self.hub.handle(ListRooms(99, "rooms"))
        assert isinstance(sent, Send)
        assert isinstance(sent.message, RoomsListed)
        assert {room.room: room.peers for room in sent.message.rooms} == {
            room: len(places) for room, places in self.rooms.items()
        }

    def teardown(self) -> None:
        for connection in CONNECTIONS:
            self.hub.end(connection, Ending.CLOSED)
        self.hub.pass_time(60)
        assert self.hub.views() == {}
        assert self.hub.hub.next_deadline_s is None


class SeveralRoomsMachine(HubMachine):
    """The same machine with connections that can be in two rooms at once."""

    rooms_per_connection = 2


@pytest.mark.fuzz
@pytest.mark.parametrize("machine", [HubMachine, SeveralRoomsMachine])
def test_any_commands_have_the_effects_that_the_model_has(machine: type[HubMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=40))
