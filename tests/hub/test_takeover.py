"""If the process of a hub ends, another hub takes over its connections, and continues as the first would have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import precondition, rule, run_state_machine_as_test
from msgspec import UNSET

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Ending, Hub, Past, Restore, RoomKey
from signaling_sidecar.hub.commands import Alive, End, Enqueue, Join, OfAdmin, Several, TellSecrets, Tick
from signaling_sidecar.hub.effects import Challenge, Close, Effect, Record, Send
from signaling_sidecar.hub.messages import Ack, CloseCode
from tests.kit.hub_driver import CountedIds
from tests.kit.restore_machine import (
    CONNECTIONS,
    PAYLOADS,
    RULES,
    RestoreMachine,
    all_of,
    club_connection,
    connections,
    known,
    payloads,
    peers,
    rooms,
    user_connection,
)

EVERY_SOCKET = [each for connection in CONNECTIONS for each in all_of(connection)]


class TakeoverMachine(RestoreMachine):
    """After the takeover, the new hub and the hub from whose log it was restored are given the same commands.

    Their effects must be the same, except for those that `comparable` omits. Before the commands,
    `forget_what_no_log_tells` removes differences between the states of the hubs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.twin: Hub | None = None
        self.commands = 0
        self.names: dict[int, dict[RoomKey, str]] = {}
        """Maps each connection to the names of the secret rooms that its client has named."""

    def do(self, command: Any) -> None:
        waiting = self.hub.waits_to_join(command.connection) if isinstance(command, Join) else None
        if waiting is not None and command.room.dialect != waiting.room.dialect:
            return  # a real connection has one dialect, and no dialect has both challenges and resumable sessions
        if isinstance(command, Join) and RULES[command.room.dialect].entry.secret:
            assert command.room_name is not None
            self.names.setdefault(command.connection, {})[command.room] = command.room_name
        self.commands += 1
        before = self.hub.handle(command, self.now_s)
        if self.twin is not None:
            after = self.twin.handle(command, self.now_s)
            assert comparable(after, command) == comparable(before, command)
        self.take(before)

    def administer(self, command: OfAdmin) -> None:
        before = self.hub.administer(command, self.now_s)
        if self.twin is not None:
            after = self.twin.administer(command, self.now_s)
            if isinstance(before, Refusal) or isinstance(after, Refusal):
                assert after == before
            else:
                assert comparable(after, command) == comparable(before, command)
        if not isinstance(before, Refusal):
            self.take(before)

    @rule(seconds=strategies.sampled_from((0.125, 1.0, 4.0, 20.0)))
    def time_passes(self, seconds: float) -> None:
        """The times are binary fractions, so that rounding does not differ."""
        self.now_s += seconds
        self.do(Tick())

    @rule(
        first=connections,
        second=connections,
        room=rooms,
        peer=peers,
        dialect=strategies.sampled_from(("rooms", "hosted", "peerjs", "pairing")),
    )
    def contend(self, first: int, second: int, room: str, peer: str, dialect: str) -> None:
        """Let two connections join with the same peer id, or compete for a place in a room."""
        for connection in (first, second, first):
            self.join(connection, room, peer, dialect, resumable=False, name=None, own=None)
            self.relay(connection, None, False, PAYLOADS[0])

    @rule(first=connections, second=connections, room=rooms, payload=payloads)
    def talk(self, first: int, second: int, room: str, payload: bytes) -> None:
        """Let two resumable sessions send frames to each other."""
        for connection, peer in ((first, "ann"), (second, "ben")):
            self.join(connection, room, peer, "rooms", resumable=True, name=None, own=None)
        self.relay(first, "ben", True, payload)
        self.relay(second, "ann", True, payload)

    @rule(
        connection=connections, ending=strategies.sampled_from([each for each in Ending if each is not Ending.STOPPED])
    )
    def end(self, connection: int, ending: Ending) -> None:
        super().end(connection, ending)

    @precondition(lambda self: self.twin is None)
    @rule()
    def the_segment_is_full(self) -> None:
        self.begin_segment()

    def the_sidecar_is_started_again(self, cleanly: bool) -> None:
        """This machine does not restart the sidecar."""

    def the_log_knows_what_the_hub_knows(self) -> None:
        """Omitted in this machine, because it takes time."""

    def take_over(self, dead: Iterable[int]) -> None:
        if sum(isinstance(command, Join | Enqueue | Several) for command in self.hub.held()) > 1:
            # The new hub repeats the challenges. If several joins waited, it might decide them in another order.
            for connection in EVERY_SOCKET:
                self.do(Alive(connection))
        ids = CountedIds(self.ids)
        twin = Hub(RULES, 100, ids)
        restore = Restore(twin, is_living=lambda connection: connection not in dead)
        restore.start(self.checkpoint, self.checkpoint_ts)
        for record in (*self.records, Past(self.now_s, "cluster.taken_over")):
            restore.apply(record)
        restore.finish(self.now_s)
        for connection, names in self.names.items():
            twin.handle(TellSecrets(connection, names), self.now_s)
        held = [command for command in self.hub.held() if getattr(command, "connection", None) not in dead]
        forget_what_no_log_tells(self.hub, twin)
        before, after = list[Effect](), twin.handle(Tick(), self.now_s)
        for connection in dead:
            before += self.hub.handle(End(connection, Ending.STOPPED), self.now_s)
        for command in held:
            after += twin.handle(command, self.now_s)
        for connection in EVERY_SOCKET:
            before += self.hub.handle(Alive(connection), self.now_s)
            after += twin.handle(Alive(connection), self.now_s)
        before, after = (
            # The new hub repeats the challenges, and writes a checkpoint instead of a record for each dead connection.
            # The record of a peer that left with its dead connection names the connection only in the first hub.
            [
                msgspec.structs.replace(each, connection=None) if isinstance(each, Record) else each
                for each in effects
                if not isinstance(each, Challenge | Record) or is_new(each)
            ]
            for effects in (before, after)
        )
        assert comparable(after, Tick()) == comparable(before, Tick())
        self.take(before)
        forget_what_no_log_tells(self.hub, twin)
        assert known(twin, self.now_s) == known(self.hub, self.now_s)
        self.twin = twin

    def teardown(self) -> None:
        """Let so much time pass that all deadlines are over."""
        for _ in range(80):
            self.time_passes(1.0)


def has_begun(machine: TakeoverMachine) -> bool:
    """Whether there is a state to take over, and no hub has taken over yet."""
    return machine.twin is None and machine.commands > 15


def is_new(effect: Effect) -> bool:
    return isinstance(effect, Record) and effect.type not in ("peer.away", "peer.challenged")


class AllLive(TakeoverMachine):
    @precondition(has_begun)
    @rule()
    def everybody_lives_on(self) -> None:
        self.take_over([])


class SomeLive(TakeoverMachine):
    @precondition(has_begun)
    @rule(connection=connections, peer=peers, dead=strategies.sets(strategies.integers(0, 2)))
    def some_live_on(self, connection: int, peer: str, dead: set[int]) -> None:
        """At most one connection of each room dies, because the order in which several peers leave is not defined."""
        sockets = (connection, club_connection(connection), user_connection(connection, peer))
        self.take_over([sockets[number] for number in sorted(dead)])


def forget_what_no_log_tells(before: Hub, after: Hub) -> None:
    """Remove the differences of the states that are not in the log, and that make no difference for clients."""
    for room in before.membership.rooms:
        twin = after.membership.room(room.key)
        if twin is None:
            continue  # a peer without a grace period leaves with its dead connection
        # A ping leaves no record, so a room counts as idle only as long as it was when the checkpoint was written.
        room.active_s = twin.active_s
        for session in room.sessions.values():
            other = twin.sessions.get(session.peer)
            resumption, restored = session.resumption, other.resumption if other is not None else None
            if resumption is None or restored is None:
                continue
            # Not every acknowledgement is recorded, so the new hub may keep frames that the client has acknowledged.
            first = resumption.kept[0].s if resumption.kept else resumption.sent + 1
            restored.acknowledged(first - 1)
    for frame in (*before.state.mailboxes, *after.state.mailboxes):
        frame.ref = UNSET  # frames have no ids in the only dialect with mailboxes, so no client sees this


def comparable(effects: list[Effect], command: object) -> list[Any]:
    """Return the effects that must be the same for both hubs."""
    found = [_comparable(effect) for effect in effects if not _may_differ(effect)]
    if isinstance(command, Tick):  # rooms with deadlines at one moment have no order
        found.sort(key=lambda effect: repr(_room(effect)))
    return found


def _may_differ(effect: Effect) -> bool:
    match effect:
        case Record("frame.acknowledged"):  # not every acknowledgement is recorded
            return True
        case Send(_, Ack()):  # the new hub may repeat an Ack, or send it a second later
            return True
        case Close(_, CloseCode.REFUSED):  # the new hub counts refusals from zero
            return True
        case _:
            return False


def _comparable(effect: Effect) -> Any:
    if isinstance(effect, Send) and effect.marks is not None:
        marks = {connection: msgspec.structs.replace(mark, handled=None) for connection, mark in effect.marks.items()}
        return msgspec.structs.replace(effect, marks=marks)
    return effect


def _room(effect: Any) -> Any:
    return getattr(effect.message, "room", None) if isinstance(effect, Send) else getattr(effect, "room", None)


@pytest.mark.fuzz
@pytest.mark.parametrize("machine", [AllLive, SomeLive])
def test_any_commands_have_the_same_effects_after_a_takeover(machine: type[TakeoverMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=40))
