"""A group is a room that accepts no further peer once it has been full. The next peer begins another group."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from signaling_sidecar.errors import Code, Refusal
from signaling_sidecar.hub import Checkpoint, Hub, OwnRules, Restore, RoomKey, checkpoint
from signaling_sidecar.hub.commands import CloseRoom, Command, End, Join, Kick, Leave, SetOwnRules, Tick
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.hub.messages import PeerJoined, PeerLeft, PeerList
from signaling_sidecar.hub.rules import Ending, Endings, Entry, Joining, Reason, RoomRules
from tests.kit.hub_driver import CountedIds
from tests.kit.past import past

GRACE_S = dict.fromkeys(Ending, 0.0) | {Ending.LOST: 10.0, Ending.STOPPED: 10.0}
RULES = RoomRules(joining=Joining(capacity=5), endings=Endings(grace_s=GRACE_S), entry=Entry(listed=True))
DUEL = RoomKey("games", "duel")
ANN, BEN, CLEO, DAN = range(1, 5)


class Games:
    """A hub with one dialect, its clock, and its log."""

    def __init__(self, max_rooms: int = 100) -> None:
        self.now_s, self.ids, self.max_rooms = 100.0, CountedIds(), max_rooms
        self.hub = self.new_hub()
        self.begin_segment()

    def new_hub(self) -> Hub:
        return Hub({"games": RULES}, self.max_rooms, self.ids)

    def begin_segment(self) -> None:
        text = msgspec.json.encode(checkpoint(self.hub, self.now_s))
        self.checkpoint, self.records = msgspec.json.decode(text, type=Checkpoint), list[Record]()

    def do(self, command: Command) -> list[Effect]:
        return self.taken(self.hub.handle(command, self.now_s))

    def taken(self, effects: list[Effect] | Refusal) -> list[Effect]:
        assert not isinstance(effects, Refusal)
        self.records += [effect for effect in effects if isinstance(effect, Record)]
        return effects

    def join(self, connection: int, peer: str | None, name: RoomKey = DUEL, size: int = 2, **more: Any) -> list[Effect]:
        more.setdefault("group", 0)
        return self.do(Join(connection=connection, room=name, at_ms=0, peer=peer, capacity=size, **more))

    def pass_time(self, seconds: float) -> list[Effect]:
        self.now_s += seconds
        return self.do(Tick())

    def restored(self) -> Hub:
        hub = self.new_hub()
        restore = Restore(hub)
        restore.start(self.checkpoint, self.now_s)
        for record in self.records:
            restore.apply(past(record, self.now_s))
        restore.finish(self.now_s)
        return hub


def peers(hub: Hub) -> dict[str, list[str]]:
    return {room.key.room: list(room.sessions) for room in hub.membership.rooms}


def told(effects: list[Effect], connection: int) -> list[Any]:
    return [each.message for each in effects if isinstance(each, Send) and connection in each.connections]


def test_the_peers_of_a_group_meet_as_they_arrive_and_a_complete_group_is_followed_by_another() -> None:
    games = Games()
    (alone,) = told(games.join(ANN, "ann"), ANN)
    second = games.join(BEN, "ben")
    (beside_ann,) = told(second, BEN)
    (heard,) = told(second, ANN)
    third = games.join(CLEO, "cleo")
    assert isinstance(alone, PeerList)
    assert (alone.room, alone.peers) == ("duel", ())
    assert [view.peer for view in beside_ann.peers] == ["ann"]
    assert isinstance(heard, PeerJoined)
    assert [each.room for each in told(third, CLEO)] == ["duel#2"]
    assert told(third, ANN) == told(third, BEN) == []
    games.join(DAN, "dan")
    assert peers(games.hub) == {"duel": ["ann", "ben"], "duel#2": ["cleo", "dan"]}


def test_a_complete_group_takes_in_nobody_when_one_of_its_peers_has_left() -> None:
    games = Games()
    games.join(ANN, "ann")
    games.join(BEN, "ben")
    assert told(games.do(End(BEN, Ending.CLOSED)), ANN) == [PeerLeft("ben", Reason.CLOSED, room="duel")]
    games.join(CLEO, "cleo")
    assert peers(games.hub) == {"duel": ["ann"], "duel#2": ["cleo"]}


def test_a_peer_that_leaves_an_incomplete_group_frees_its_place() -> None:
    games = Games()
    games.join(ANN, "ann", size=3)
    games.join(BEN, "ben", size=3)
    games.do(Leave(connection=ANN))
    games.join(CLEO, "cleo", size=3)
    assert peers(games.hub) == {"duel": ["ben", "cleo"]}
    games.join(DAN, "dan", size=3)
    games.join(ANN, "ann", size=3)
    assert peers(games.hub) == {"duel": ["ben", "cleo", "dan"], "duel#2": ["ann"]}


def test_a_group_whose_only_peer_has_left_is_begun_again_under_its_number() -> None:
    games = Games()
    for connection, peer in enumerate(("ann", "ben", "cleo"), 1):
        games.join(connection, peer)
    games.do(Leave(connection=CLEO))
    games.join(DAN, "dan")
    assert peers(games.hub) == {"duel": ["ann", "ben"], "duel#2": ["dan"]}


def test_a_name_without_groups_begins_with_the_first_number_again() -> None:
    games = Games()
    games.join(ANN, "ann")
    games.join(BEN, "ben")
    games.do(Leave(connection=ANN))
    games.do(Leave(connection=BEN))
    games.join(CLEO, "cleo")
    assert peers(games.hub) == {"duel": ["cleo"]}


def test_groups_with_other_names_and_rooms_of_the_same_name_stay_apart() -> None:
    games = Games()
    games.join(ANN, "ann", group=None)
    games.join(BEN, "ben")
    games.join(CLEO, "cleo", RoomKey("games", "race"))
    games.join(DAN, "dan", RoomKey("games", "duel#2"), group=None)
    assert peers(games.hub) == {"duel": ["ann"], "duel#2": ["ben", "dan"], "race": ["cleo"]}


def test_a_group_of_one_is_complete_at_once() -> None:
    games = Games()
    games.join(ANN, "ann", size=1)
    games.join(BEN, "ben", size=1)
    assert peers(games.hub) == {"duel": ["ann"], "duel#2": ["ben"]}


def test_a_peer_returns_to_its_group_although_that_is_complete() -> None:
    games = Games()
    games.join(ANN, "ann")
    games.join(BEN, "ben")
    games.join(CLEO, "cleo")
    games.do(End(ANN, Ending.LOST))
    games.join(9, "ann")
    assert peers(games.hub) == {"duel": ["ann", "ben"], "duel#2": ["cleo"]}
    games.join(BEN, None)
    assert peers(games.hub) == {"duel": ["ann", "ben"], "duel#2": ["cleo"]}


def test_a_peer_that_is_away_keeps_its_place_until_its_grace_is_over() -> None:
    games = Games()
    games.join(ANN, "ann", size=3)
    games.join(BEN, "ben", size=3)
    games.do(End(ANN, Ending.LOST))
    games.pass_time(10)
    games.join(CLEO, "cleo", size=3)
    games.join(DAN, "dan", size=3)
    assert peers(games.hub) == {"duel": ["ben", "cleo", "dan"]}


def test_a_connection_that_moves_from_a_complete_group_begins_the_next() -> None:
    games = Games()
    games.join(ANN, "ann")
    games.join(BEN, "ben")
    assert [each.room for each in told(games.join(ANN, "anna"), ANN)] == ["duel#2"]
    assert peers(games.hub) == {"duel": ["ben"], "duel#2": ["anna"]}


def test_a_join_of_an_ordinary_room_with_the_name_of_a_complete_group_is_refused() -> None:
    games = Games()
    games.join(ANN, "ann")
    games.join(BEN, "ben")
    games.do(Leave(connection=ANN))
    (refused,) = told(games.join(CLEO, "cleo", group=None), CLEO)
    assert refused.refusal.code == Code.ROOM_FULL


def test_a_group_that_is_larger_than_the_rules_allow_is_refused() -> None:
    games = Games()
    (refused,) = told(games.join(ANN, "ann", size=6), ANN)
    assert refused.refusal.code == Code.BAD_FIELD
    assert peers(games.hub) == {}


def test_a_group_that_would_be_one_room_too_many_is_refused() -> None:
    games = Games(max_rooms=1)
    games.join(ANN, "ann")
    games.join(BEN, "ben")
    (refused,) = told(games.join(CLEO, "cleo"), CLEO)
    assert refused.refusal.code == Code.TOO_MANY_ROOMS


def test_the_admin_frees_a_place_by_removing_a_peer_and_ends_one_group_only() -> None:
    games = Games()
    games.join(ANN, "ann")
    games.taken(games.hub.administer(Kick(DUEL, "ann"), games.now_s))
    games.join(BEN, "ben")
    games.join(CLEO, "cleo")
    games.join(DAN, "dan")
    games.taken(games.hub.administer(CloseRoom(DUEL), games.now_s))
    assert peers(games.hub) == {"duel#2": ["dan"]}


def test_a_group_is_complete_when_it_has_as_many_peers_as_its_own_rules_allow() -> None:
    games = Games()
    games.join(ANN, "ann", size=3, rules=OwnRules(capacity=2))
    games.join(BEN, "ben", size=3)
    games.join(CLEO, "cleo", size=3)
    games.join(DAN, "dan", size=3)
    assert peers(games.hub) == {"duel": ["ann", "ben"], "duel#2": ["cleo", "dan"]}


def test_a_group_is_as_large_after_a_restart_as_its_first_peer_asked() -> None:
    games = Games()
    games.join(ANN, "ann", size=5)
    games.taken(games.hub.administer(SetOwnRules(DUEL, OwnRules(capacity=2)), games.now_s))
    hub = games.restored()
    hub.administer(SetOwnRules(DUEL, None), games.now_s)
    for number in range(2, 8):
        join = Join(connection=number, room=DUEL, at_ms=0, peer=f"p{number}", capacity=5, group=0)
        hub.handle(join, games.now_s)
    assert [len(members) for members in peers(hub).values()] == [5, 2]


# --- any sequence of commands, compared with a model ---------------------------------------------------------------

CONNECTIONS, SIZES = range(1, 8), {"duel": 2, "relay": 3}
connections, names = strategies.sampled_from(CONNECTIONS), strategies.sampled_from(tuple(SIZES))


class Group:
    def __init__(self) -> None:
        self.members: dict[str, int | None] = {}
        """Maps each peer to its connection, or to None while the peer is away."""
        self.is_complete = False


class GroupMachine(RuleBasedStateMachine):
    """The model is a list of groups for each name. No two connections use the same peer id."""

    def __init__(self) -> None:
        super().__init__()
        self.games = Games()
        self.groups: dict[str, list[Group]] = {name: [] for name in SIZES}

    def all_groups(self) -> list[Group]:
        return [group for groups in self.groups.values() for group in groups]

    @rule(connection=connections, name=names)
    def join(self, connection: int, name: str) -> None:
        peer, size = f"p{connection}", SIZES[name]
        self.games.join(connection, peer, RoomKey("games", name), size)
        here = next((group for group in self.groups[name] if peer in group.members), None)
        self.leave_behind(connection, besides=here)
        if here is None:
            newest = self.groups[name][-1] if self.groups[name] else None
            here = newest if newest is not None and not newest.is_complete else Group()
            if here is not newest:
                self.groups[name].append(here)
        here.members[peer] = connection
        here.is_complete = here.is_complete or len(here.members) == size

    def leave_behind(self, connection: int, besides: Group | None = None) -> None:
        """End the session of the connection, unless it is in the group `besides`."""
        for group in self.all_groups():
            if group is not besides and group.members.get(f"p{connection}") == connection:
                del group.members[f"p{connection}"]
        self.forget_empty()

    def forget_empty(self) -> None:
        self.groups = {name: [each for each in groups if each.members] for name, groups in self.groups.items()}

    @rule(connection=connections)
    def leave(self, connection: int) -> None:
        self.games.do(Leave(connection=connection))
        self.leave_behind(connection)

    @rule(connection=connections, ending=strategies.sampled_from((Ending.CLOSED, Ending.LOST)))
    def end(self, connection: int, ending: Ending) -> None:
        self.games.do(End(connection, ending))
        if ending is Ending.CLOSED:
            self.leave_behind(connection)
        for group in self.all_groups():
            if group.members.get(f"p{connection}") == connection:
                group.members[f"p{connection}"] = None

    @rule()
    def all_who_are_away_give_up(self) -> None:
        self.games.pass_time(10)
        for group in self.all_groups():
            group.members = {peer: there for peer, there in group.members.items() if there is not None}
        self.forget_empty()

    @rule()
    def the_segment_is_full(self) -> None:
        self.games.begin_segment()

    @rule()
    def the_sidecar_is_started_again(self) -> None:
        self.games.hub = self.games.restored()
        self.games.begin_segment()
        for group in self.all_groups():
            group.members = dict.fromkeys(group.members)

    @invariant()
    def the_hub_is_as_the_model(self) -> None:
        for name, groups in self.groups.items():
            rooms = [room for room in self.games.hub.membership.rooms if room.groups_name.room == name]
            found = [{each.peer: each.connection for each in room.sessions.values()} for room in rooms]
            assert found == [group.members for group in groups]
            assert [room.is_complete for room in rooms] == [group.is_complete for group in groups]
            assert all(len(group.members) <= SIZES[name] for group in groups)

    @invariant()
    def the_log_knows_what_the_hub_knows(self) -> None:
        assert peers(self.games.restored()) == peers(self.games.hub)
        complete = [room.is_complete for room in self.games.restored().membership.rooms]
        assert complete == [room.is_complete for room in self.games.hub.membership.rooms]


GroupMachine.TestCase.settings = settings(stateful_step_count=30)
TestGroups = GroupMachine.TestCase
