"""A hypothesis state machine that gives a hub arbitrary commands, and restores another hub from its records."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Checkpoint, Ending, Hub, OwnRules, Past, Restore, RoomKey, checkpoint
from signaling_sidecar.hub.checkpoint import stored
from signaling_sidecar.hub.commands import (
    Acknowledge,
    CloseRoom,
    End,
    Enqueue,
    Join,
    Kick,
    Leave,
    Numbered,
    OfAdmin,
    Opened,
    Ping,
    Relay,
    Say,
    SetOwnRules,
    Several,
    Tick,
    Update,
    UpdateRoom,
)
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.hub.messages import PeerList, Resumed
from signaling_sidecar.hub.payloads import Binary
from signaling_sidecar.hub.resumption import RECORD_ACK_BYTES
from signaling_sidecar.hub.rules import Announcements, Endings, Joining, Mailbox, Relays, RoomRules
from signaling_sidecar.settings import Settings
from tests.kit.club import CLUB
from tests.kit.hub_driver import GRACE_S, CountedIds
from tests.kit.past import past

CONNECTIONS, PEERS, ROOMS = range(1, 6), ("ann", "ben", "cleo"), ("bar", "den")
LETTERS = RoomRules(
    joining=Joining(capacity=3),
    endings=Endings(grace_s=GRACE_S, resumable_grace_s=GRACE_S, durable=True, away_notice_s=1.0),
    announcements=Announcements(announces_members=False),
    relays=Relays(mailbox=Mailbox(frames=3, payload_bytes=10_000, total_payload_bytes=150, keep_s=6.0625)),
)
"""Rules that no dialect has: the rooms do not announce their peers, but have mailboxes."""
RULES = {name: dialect.rules(Settings()) for name, dialect in (DIALECTS | {CLUB.name: CLUB}).items()}
RULES["letters"] = LETTERS
DIALECT_OF_JOIN = [name for name, rules in RULES.items() if not rules.joining.one_room_per_peer]
OWN_RULES = strategies.none() | strategies.builds(
    OwnRules,
    capacity=strategies.none() | strategies.integers(1, 3),
    listed=strategies.none() | strategies.booleans(),
    grace_s=strategies.none() | strategies.sampled_from((0.0, 2.0, 50.0)),
    host=strategies.none() | strategies.sampled_from(PEERS),
)
LONG = b'{"sdp":"%s"}' % (b"x" * RECORD_ACK_BYTES)
PAYLOADS = (b'{"type":"offer","sdp":"v=0"}', Binary(b"\x00\xff"), b'{"base64":"AP8="}', LONG)
"""A usual payload, a binary one, a text that looks like the binary one in a record, and one so long that its
acknowledgement is recorded."""
payloads = strategies.sampled_from(PAYLOADS)
connections, peers, rooms = map(strategies.sampled_from, (CONNECTIONS, PEERS, ROOMS))


def known(hub: Hub, now_s: float) -> dict[str, Any]:
    """Return the state that must survive a restart. It contains no connections, and only the last issued token."""
    state: dict[str, Any] = json.loads(msgspec.json.encode(checkpoint(hub, now_s)))
    for room in state["rooms"]:
        room.pop("idle_s")
        for session in room["sessions"]:
            for of_connection in ("connection", "place", "replaced_s_ago"):
                session.pop(of_connection, None)
            session["away"] = sorted(session.pop("away", {}).get("told", []))
            resumption = session.get("resumption", {})
            for forgotten in ("kept", "owes_ack"):
                resumption.pop(forgotten, None)
    for waiting in state["waiting"]:
        waiting.pop("connection")
    for frame in state["mailboxes"]:
        frame.pop("age_s", None)
    for of_a_minute in ("barred_left_s", "tries"):
        state.pop(of_a_minute)
    return state


def kept(hub: Hub) -> dict[str, list[Any]]:
    """Return a dict from the id of each session to the frames that are kept so that they can be sent again."""
    return {
        session.id: [
            json.loads(msgspec.json.encode([frame.s, stored(frame.message)])) for frame in session.resumption.kept
        ]
        for room in hub.membership.rooms
        for session in room.sessions.values()
        if session.resumption is not None
    }


def user_connection(connection: int, peer: str) -> int:
    """The number of another socket of this client, for dialects in which a socket belongs to one user."""
    return 10 * connection + PEERS.index(peer)


def club_connection(connection: int) -> int:
    """The number of another socket of this client, for the dialect `club`, whose sockets can be in several rooms."""
    return 1000 + connection


def all_of(connection: int) -> list[int]:
    return [connection, club_connection(connection), *(user_connection(connection, peer) for peer in PEERS)]


class RestoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0
        self.ids = CountedIds()
        self.hub = self.new_hub()
        self.begin_segment()
        self.tokens: dict[tuple[str, str], tuple[str, int]] = {}
        """Maps (room, peer) to the last token, and the number of the last frame that arrived."""
        self.numbers: dict[int, int] = {}
        """Maps each connection to the number of the last frame that it has sent."""

    def new_hub(self) -> Hub:
        return Hub(RULES, 100, self.ids)

    def begin_segment(self) -> None:
        text = msgspec.json.encode(checkpoint(self.hub, self.now_s))
        self.checkpoint, self.checkpoint_ts = msgspec.json.decode(text, type=Checkpoint), self.now_s
        self.records: list[Past] = []

    def administer(self, command: OfAdmin) -> None:
        outcome = self.hub.administer(command, self.now_s)
        if not isinstance(outcome, Refusal):
            self.take(outcome)

    def do(self, command: Any) -> None:
        self.take(self.hub.handle(command, self.now_s))

    def take(self, effects: list[Effect]) -> None:
        self.records += [past(effect, self.now_s) for effect in effects if isinstance(effect, Record)]
        for effect in effects:
            if isinstance(effect, Send) and isinstance(effect.message, PeerList | Resumed) and effect.message.ticket:
                message = effect.message
                known_s = message.sent or 0 if isinstance(message, PeerList) else 0
                self.tokens[message.room, message.peer] = (message.ticket.token, known_s)
                self.numbers[effect.connections[0]] = message.handled or 0

    @rule(
        connection=connections,
        room=rooms,
        peer=peers,
        dialect=strategies.sampled_from(DIALECT_OF_JOIN),
        resumable=strategies.booleans(),
        name=strategies.none() | strategies.just("A name"),
        own=OWN_RULES,
    )
    def join(
        self,
        connection: int,
        room: str,
        peer: str,
        dialect: str,
        resumable: bool,
        name: str | None,
        own: OwnRules | None,
    ) -> None:
        self.do(
            Join(
                connection=connection,
                room=RoomKey(dialect, room),
                at_ms=5,
                peer=None if RULES[dialect].joining.anonymous_returns else peer,
                name=name,
                room_name="secret" if RULES[dialect].entry.secret else "Room",
                resumable=resumable and RULES[dialect].endings.resumable_grace_s is not None,
                instance="page",
                metadata=msgspec.Raw(b'{"hat":1}') if name is not None else None,
                rules=own,
            )
        )

    @rule(
        connection=connections, entered=strategies.lists(rooms, min_size=1, max_size=3), peer=peers | strategies.none()
    )
    def enter_the_club(self, connection: int, entered: list[str], peer: str | None) -> None:
        number = club_connection(connection)
        joins = tuple(Join(connection=number, room=RoomKey("club", room), at_ms=8, peer=peer) for room in entered)
        self.do(Several(number, joins))

    @rule(connection=connections, room=rooms, to=peers | strategies.none(), leaves=strategies.booleans())
    def act_in_the_club(self, connection: int, room: str, to: str | None, leaves: bool) -> None:
        number, key = club_connection(connection), RoomKey("club", room)
        relay = Relay(number, "say", to, None, b'{"said":1}', room=key, confirms=True)
        rename = Update(connection=number, name=f"Name {connection}", room=key)
        rename_room = UpdateRoom(kind="rename", connection=number, name=f"Room {connection}", room=key)
        leave = (Leave(connection=number, room=key),) if leaves else ()
        self.do(Several(number, (relay, rename, rename_room, *leave)))

    @rule(room=rooms, dialect=strategies.sampled_from((*DIALECT_OF_JOIN, "club")), own=OWN_RULES)
    def rule_a_room(self, room: str, dialect: str, own: OwnRules | None) -> None:
        self.administer(SetOwnRules(RoomKey(dialect, room), own))

    @rule(room=rooms, peer=peers, dialect=strategies.sampled_from((*DIALECT_OF_JOIN, "club")))
    def kick(self, room: str, peer: str, dialect: str) -> None:
        self.administer(Kick(RoomKey(dialect, room), peer))

    @rule(room=rooms, dialect=strategies.sampled_from((*DIALECT_OF_JOIN, "club")))
    def say_or_close(self, room: str, dialect: str) -> None:
        self.administer(Say(RoomKey(dialect, room), "closing time"))
        if room == ROOMS[1]:
            self.administer(CloseRoom(RoomKey(dialect, room)))

    @rule(connection=connections, room=rooms, peer=peers, missed=strategies.none() | strategies.integers(0, 3))
    def come_back(self, connection: int, room: str, peer: str, missed: int | None) -> None:
        token, seen = self.tokens.get((room, peer), ("never issued", 0))
        after = None if missed is None else seen + missed
        self.do(Join(connection=connection, room=RoomKey("rooms", room), at_ms=6, peer=peer, token=token, after=after))

    @rule(connection=connections, to=peers | strategies.none(), numbered=strategies.booleans(), payload=payloads)
    def relay(self, connection: int, to: str | None, numbered: bool, payload: bytes) -> None:
        command = Relay(connection, "offer", to, None, payload, msgspec.Raw(b'"ref"'))
        if numbered:
            self.numbers[connection] = self.numbers.get(connection, 0) + 1
            self.do(Numbered(connection, command, a=1, c=self.numbers[connection]))
        else:
            self.do(command)

    @rule(connection=connections, a=strategies.integers(0, 6))
    def acknowledge(self, connection: int, a: int) -> None:
        self.do(Numbered(connection, Acknowledge(connection), a=a, c=None))

    @rule(connection=connections, room=rooms, peer=peers, claimed=peers | strategies.none())
    def publish(self, connection: int, room: str, peer: str, claimed: str | None) -> None:
        """Publish a frame from inside or outside of the room. The frame names its sender and its receiver."""
        key, (sender_name, receiver_name) = RoomKey("y-webrtc", room), (f"page of {connection}", f"page of {peer}")
        self.do(Join(connection=connection, room=key, at_ms=9, peer=peer) if claimed == peer else Ping(connection))
        self.do(
            Relay(
                connection,
                "publish",
                None,
                claimed,
                PAYLOADS[0],
                room=key,
                sender_name=sender_name,
                receiver_name=receiver_name,
            )
        )

    @rule(connection=connections, room=rooms)
    def leave_by_name(self, connection: int, room: str) -> None:
        self.numbers[connection] = self.numbers.get(connection, 0) + 1
        command = Leave(connection=connection, room=RoomKey("rooms", room))
        self.do(Numbered(connection, command, a=1, c=self.numbers[connection]))

    @rule(connection=connections, peer=peers, to=peers, payload=payloads)
    def write_a_letter(self, connection: int, peer: str, to: str, payload: bytes) -> None:
        self.do(Join(connection=connection, room=RoomKey("letters", "den"), at_ms=5, peer=peer, instance="page"))
        self.relay(connection, to, False, payload)

    @rule(connection=connections, name=strategies.sampled_from(("One", "Two")))
    def update(self, connection: int, name: str) -> None:
        self.do(Update(connection=connection, name=name, metadata=msgspec.Raw(b'{"hat":[2]}')))
        self.do(UpdateRoom(kind="RENAME", connection=connection, name=f"Room {name}"))

    @rule(connection=connections, peer=peers, size=strategies.integers(1, 3), queue=strategies.sampled_from(("", "go")))
    def enqueue(self, connection: int, peer: str, size: int, queue: str) -> None:
        user = user_connection(connection, peer)
        at_ms = round(self.now_s * 1000)
        self.do(Enqueue(kind="ask", connection=user, dialect="match", peer=peer, queue=queue, size=size, at_ms=at_ms))

    @rule(connection=connections, peer=peers)
    def open(self, connection: int, peer: str) -> None:
        self.do(Opened(user_connection(connection, peer), "match", peer))

    @rule(connection=connections)
    def leave(self, connection: int) -> None:
        self.do(Leave(connection=connection))

    @rule(connection=connections, ending=strategies.sampled_from(Ending))
    def end(self, connection: int, ending: Ending) -> None:
        self.numbers.pop(connection, None)
        for each in all_of(connection):
            self.do(End(each, ending))

    @rule(seconds=strategies.sampled_from((0.1, 1.0, 4.0, 20.0)))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds
        self.do(Tick())

    @rule()
    def the_segment_is_full(self) -> None:
        self.begin_segment()

    @rule(cleanly=strategies.booleans())
    def the_sidecar_is_started_again(self, cleanly: bool) -> None:
        if cleanly:
            for connection in CONNECTIONS:
                for each in all_of(connection):
                    self.do(End(each, Ending.STOPPED))
        self.hub = self.restored()
        self.numbers.clear()
        self.begin_segment()

    def restored(self) -> Hub:
        hub = self.new_hub()
        restore = Restore(hub)
        restore.start(self.checkpoint, self.checkpoint_ts)
        for record in self.records:
            restore.apply(record)
        restore.finish(self.now_s)
        return hub

    @invariant()
    def the_log_knows_what_the_hub_knows(self) -> None:
        hub = self.restored()
        assert known(hub, self.now_s) == known(self.hub, self.now_s)
        again = kept(hub)
        for session, frames in kept(self.hub).items():
            assert frames == again[session][len(again[session]) - len(frames) :]

    def teardown(self) -> None:
        self.the_sidecar_is_started_again(cleanly=False)
        self.now_s += 60
        while self.hub.next_deadline_s is not None and self.hub.next_deadline_s <= self.now_s:
            self.do(Tick())
        assert self.hub.membership.rooms == []
        assert list(self.hub.matchmaking) == []
        assert list(self.hub.state.mailboxes) == []
