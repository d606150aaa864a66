"""Any history of commands, against a model simple enough to be read as true."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from signaling_sidecar.errors import Code
from signaling_sidecar.hub.commands import ListRooms
from signaling_sidecar.hub.effects import (
    Close,
    Effect,
    PeerJoined,
    PeerLeft,
    PeerList,
    PeerUpdated,
    Refused,
    Relayed,
    RoomsListed,
    Send,
)
from signaling_sidecar.hub.rules import Ending
from tests.kit.hub_driver import GRACE_S, Driver

CAPACITY, MAX_ROOMS = 3, 2
PEERS, ROOMS = ("a", "b", "c", "d"), ("bar", "den", "attic")
CONNECTIONS = range(1, 7)


@dataclass
class Place:
    """A peer's place in the model: who holds it, and until when it is kept without anybody."""

    connection: int | None
    until_s: float | None = None
    replaced_s: list[float] = field(default_factory=list)


@dataclass
class Client:
    """What one connection believes, from nothing but what it was sent."""

    room: str | None = None
    peer: str | None = None
    sees: dict[str, bool] = field(default_factory=dict)
    """The others by id; True: away."""


class HubMachine(RuleBasedStateMachine):
    """The model: rooms of places. The clients: what an honest page would show."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = Driver(capacity=CAPACITY, max_rooms=MAX_ROOMS)
        self.rooms: dict[str, dict[str, Place]] = {}
        self.clients: dict[int, Client] = {connection: Client() for connection in CONNECTIONS}

    # --- the model -------------------------------------------------------------------------------------------------

    def place_of(self, connection: int) -> tuple[str, str] | None:
        for room, places in self.rooms.items():
            for peer, place in places.items():
                if place.connection == connection:
                    return room, peer
        return None

    def drop(self, room: str, peer: str) -> None:
        del self.rooms[room][peer]
        if not self.rooms[room]:
            del self.rooms[room]

    def expected_refusal(self, connection: int, room: str, peer: str) -> Code | None:
        here = self.place_of(connection)
        if here == (room, peer):
            return None
        place = self.rooms.get(room, {}).get(peer)
        if place is not None:
            recent = [when for when in place.replaced_s if when > self.hub.now_s - 20]
            return Code.ID_TAKEN if place.connection is not None and len(recent) >= 3 else None
        if room not in self.rooms:
            ending = here is not None and len(self.rooms[here[0]]) == 1
            return Code.TOO_MANY_ROOMS if len(self.rooms) - ending >= MAX_ROOMS else None
        moving = here is not None and here[0] == room
        return Code.ROOM_FULL if len(self.rooms[room]) - moving >= CAPACITY else None

    # --- what happens ----------------------------------------------------------------------------------------------

    @rule(
        connection=strategies.sampled_from(CONNECTIONS),
        room=strategies.sampled_from(ROOMS),
        peer=strategies.sampled_from(PEERS),
    )
    def join(self, connection: int, room: str, peer: str) -> None:
        refusal = self.expected_refusal(connection, room, peer)
        before = self.hub.views()
        effects = self.hub.join(connection, peer, room=room)
        if refusal is not None:
            assert self.hub.refused(effects) == refusal
            assert self.hub.views() == before
            return
        here = self.place_of(connection)
        if here is not None and here != (room, peer):
            self.drop(*here)
        place = self.rooms.setdefault(room, {}).setdefault(peer, Place(None))
        if place.connection not in (None, connection):
            place.replaced_s.append(self.hub.now_s)
        place.connection, place.until_s = connection, None
        self.clients[connection] = Client(room, peer)
        self.deliver(effects)

    @rule(connection=strategies.sampled_from(CONNECTIONS))
    def leave(self, connection: int) -> None:
        here = self.place_of(connection)
        effects = self.hub.leave(connection)
        if here is None:
            assert self.hub.refused(effects) == Code.NOT_JOINED
            return
        self.drop(*here)
        self.clients[connection] = Client()
        self.deliver(effects)

    @rule(connection=strategies.sampled_from(CONNECTIONS), ending=strategies.sampled_from(Ending))
    def end(self, connection: int, ending: Ending) -> None:
        here = self.place_of(connection)
        self.clients[connection] = Client()
        effects = self.hub.end(connection, ending)
        if here is not None and GRACE_S[ending] == 0:
            self.drop(*here)
        elif here is not None:
            place = self.rooms[here[0]][here[1]]
            place.connection, place.until_s = None, self.hub.now_s + GRACE_S[ending]
        self.deliver(effects)

    @rule(
        connection=strategies.sampled_from(CONNECTIONS),
        to=strategies.sampled_from(PEERS) | strategies.none(),
        claimed=strategies.sampled_from(PEERS) | strategies.none(),
    )
    def relay(self, connection: int, to: str | None, claimed: str | None) -> None:
        here = self.place_of(connection)
        effects = self.hub.relay(connection, to, claimed)
        if here is None:
            assert self.hub.refused(effects) == Code.NOT_JOINED
            return
        room, peer = here
        others = {name: place.connection for name, place in self.rooms[room].items() if name != peer}
        if claimed not in (None, peer):
            assert self.hub.refused(effects) == Code.FORGED_FROM
        elif to is not None and to not in others:
            assert self.hub.refused(effects) == Code.NO_SUCH_PEER
        elif to is not None and others[to] is None:
            assert self.hub.refused(effects) == Code.PEER_AWAY
        else:
            expected = {c for name, c in others.items() if c is not None and to in (None, name)}
            received = [c for e in self.hub.sent(effects) if isinstance(e, Send) for c in e.connections]
            assert sorted(received) == sorted(expected)

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
                self.clients[effect.connection] = Client()

    def receive(self, client: Client, message: object) -> None:
        if isinstance(message, PeerList):
            assert (message.room, message.peer) == (client.room, client.peer)
            client.sees = {view.peer: view.away for view in message.peers}
        elif isinstance(message, PeerJoined):
            assert message.peer.peer not in client.sees
            client.sees[message.peer.peer] = False
        elif isinstance(message, PeerLeft):
            del client.sees[message.peer]
        elif isinstance(message, PeerUpdated):
            assert client.sees[message.peer] is not message.away
            if message.away is not None:
                client.sees[message.peer] = message.away
        else:
            assert not isinstance(message, Refused | Relayed)

    # --- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def the_hub_is_as_the_model(self) -> None:
        model = {
            room: {peer: (place.connection, place.connection is None) for peer, place in places.items()}
            for room, places in self.rooms.items()
        }
        assert {key.room: peers for key, peers in self.hub.views().items()} == model

    @invariant()
    def everybody_sees_all_others_of_his_room_and_nobody_else(self) -> None:
        for connection, client in self.clients.items():
            here = self.place_of(connection)
            assert (client.room, client.peer) == (here or (None, None))
            if here is not None:
                assert set(client.sees) == set(self.rooms[here[0]]) - {here[1]}

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


HubMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestHub = HubMachine.TestCase
