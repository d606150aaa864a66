"""In dialects with mailboxes, a frame is kept while its receiver cannot be reached."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from signaling_sidecar.errors import Code
from signaling_sidecar.hub import Hub, Restore, RoomKey, checkpoint, known_ids
from signaling_sidecar.hub.checkpoint import Checkpoint
from signaling_sidecar.hub.commands import Command, End, Join, Leave, Relay, SetRules, Tick
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.hub.messages import Expired, PeerList, Refused, Relayed
from signaling_sidecar.hub.rules import Ending, Endings, Joining, Mailbox, Relays, RoomRules
from tests.kit.hub_driver import GRACE_S, CountedIds
from tests.kit.past import past

ANN, BEN = 1, 2
RULES = RoomRules(
    joining=Joining(capacity=9),
    endings=Endings(grace_s=GRACE_S, durable=True),
    relays=Relays(mailbox=Mailbox(frames=3, payload_bytes=20, total_payload_bytes=30, keep_s=5.0)),
)


class Post:
    """A hub with one dialect, which has mailboxes, and a clock."""

    def __init__(self, rules: RoomRules = RULES) -> None:
        self.hub = Hub({"post": rules}, 9, CountedIds())
        self.now_s = 100.0

    def do(self, command: Command) -> list[Effect]:
        return self.hub.handle(command, self.now_s)

    def join(self, connection: int, peer: str) -> list[Effect]:
        return self.do(Join(connection=connection, room=RoomKey("post", "hall"), at_ms=0, peer=peer))

    def send(self, connection: int, to: str, payload: bytes = b"{}", ref: bytes = b"7") -> list[Effect]:
        return self.do(Relay(connection, "offer", to, None, payload, msgspec.Raw(ref)))

    def pass_time(self, seconds: float) -> list[Effect]:
        self.now_s += seconds
        return self.do(Tick())


def told(effects: list[Effect], connection: int) -> list[Any]:
    return [each.message for each in effects if isinstance(each, Send) and connection in each.connections]


def relayed(payload: bytes) -> Relayed:
    return Relayed("ann", "offer", payload, room="hall")


def types(effects: list[Effect]) -> list[str]:
    return [effect.type for effect in effects if isinstance(effect, Record)]


def test_a_frame_for_a_peer_that_has_not_joined_is_delivered_after_its_list() -> None:
    post = Post()
    post.join(ANN, "ann")
    assert types(post.send(ANN, "ben", b"[1]")) == ["signal.kept"]
    assert types(post.send(ANN, "ben", b"[2]")) == ["signal.kept"]
    joined = post.join(BEN, "ben")
    assert [type(message) for message in told(joined, BEN)] == [PeerList, Relayed, Relayed]
    assert told(joined, BEN)[1:] == [relayed(b"[1]"), relayed(b"[2]")]
    assert types(joined)[-2:] == ["signal.relayed", "signal.relayed"]
    assert told(post.pass_time(60), ANN) == []


def test_a_delivery_is_recorded_as_its_senders_relay() -> None:
    post = Post()
    post.join(ANN, "ann")
    post.send(ANN, "ben")
    (record,) = (each for each in post.join(BEN, "ben") if isinstance(each, Record) and each.type == "signal.relayed")
    assert (record.peer, record.to, record.session, record.connection) == ("ann", "ben", "session-1", ANN)
    assert (record.kind, record.size, record.data) == ("offer", 2, b"{}")


def test_a_frame_is_delivered_though_its_sender_has_left_and_the_room_has_ended() -> None:
    post = Post()
    post.join(ANN, "ann")
    post.send(ANN, "ben")
    assert types(post.do(Leave(connection=ANN))) == ["peer.left", "room.ended"]
    joined = post.join(BEN, "ben")
    assert told(joined, BEN)[1:] == [relayed(b"{}")]
    (record,) = (each for each in joined if isinstance(each, Record) and each.type == "signal.relayed")
    assert (record.peer, record.session, record.connection) == ("ann", None, None)


def test_the_sender_is_told_when_a_kept_frame_expires() -> None:
    post = Post()
    post.join(ANN, "ann")
    post.send(ANN, "ben", ref=b'"id-3"')
    assert post.pass_time(4.9) == []
    expired = post.pass_time(0.1)
    assert types(expired) == ["signal.expired"]
    assert told(expired, ANN) == [Expired("ben", "hall", msgspec.Raw(b'"id-3"'), "ann")]
    assert told(post.join(BEN, "ben"), BEN)[1:] == []


def test_nobody_is_told_of_an_expiry_when_the_sender_has_left() -> None:
    post = Post()
    post.join(ANN, "ann")
    post.send(ANN, "ben")
    post.do(Leave(connection=ANN))
    post.join(3, "ann")
    assert [effect for effect in post.pass_time(5) if isinstance(effect, Send)] == []


def test_a_frame_for_a_peer_that_is_away_is_delivered_when_it_returns() -> None:
    post = Post()
    post.join(ANN, "ann")
    post.join(BEN, "ben")
    post.do(End(BEN, Ending.LOST))
    assert types(post.send(ANN, "ben")) == ["signal.kept"]
    back = post.join(3, "ben")
    assert [type(message) for message in told(back, 3)] == [PeerList, Relayed]


@pytest.mark.parametrize(
    ("payloads", "receivers"),
    [
        pytest.param([b"1"] * 4, ["ben"] * 4, id="frames for one receiver"),
        pytest.param([b"x" * 11, b"x" * 10], ["ben"] * 2, id="bytes for one receiver"),
        pytest.param([b"x" * 20, b"x" * 11], ["ben", "cleo"], id="bytes in all"),
    ],
)
def test_a_frame_over_a_limit_is_refused_and_frames_kept_before_are_delivered(
    payloads: list[bytes], receivers: list[str]
) -> None:
    post = Post()
    post.join(ANN, "ann")
    *kept, refused = (post.send(ANN, to, payload) for to, payload in zip(receivers, payloads, strict=True))
    assert [types(each) for each in kept] == [["signal.kept"]] * len(kept)
    (answer,) = told(refused, ANN)
    assert isinstance(answer, Refused)
    assert (answer.refusal.code, answer.to) == (Code.NO_SUCH_PEER, receivers[-1])
    assert len(told(post.join(BEN, "ben"), BEN)[1:]) == receivers[:-1].count("ben")
    assert types(post.send(ANN, "cleo", payloads[-1])) == ["signal.kept"], "there is room again"


def test_a_frame_to_its_own_sender_is_refused_and_not_kept() -> None:
    post = Post()
    post.join(ANN, "ann")
    (answer,) = told(post.send(ANN, "ann"), ANN)
    assert answer.refusal.code is Code.NO_SUCH_PEER


@pytest.mark.parametrize("by_checkpoint", [True, False])
def test_kept_frames_survive_a_restart_with_a_new_deadline(by_checkpoint: bool) -> None:
    post, records = Post(), list[Record]()

    def keep(effects: list[Effect]) -> None:
        records.extend(effect for effect in effects if isinstance(effect, Record))

    keep(post.join(ANN, "ann"))
    keep(post.send(ANN, "ben", b"[1]"))
    keep(post.send(ANN, "cleo", b"[2]"))
    post.now_s += 4
    after = restarted(Post(), post, None if by_checkpoint else records)
    assert told(after.join(BEN, "ben"), BEN)[1:] == [relayed(b"[1]")]
    after.join(ANN, "ann")
    assert told(after.pass_time(4.9), ANN) == []
    assert told(after.pass_time(0.1), ANN) == [Expired("cleo", "hall", peer="ann")]


def test_without_payloads_in_the_log_a_kept_frame_can_only_expire_after_a_restart() -> None:
    rules = msgspec.structs.replace(RULES, endings=Endings(grace_s=GRACE_S))
    post = Post(rules)
    post.join(ANN, "ann")
    post.send(ANN, "ben")
    text = msgspec.json.encode(checkpoint(post.hub, post.now_s))
    assert b'"payload"' not in text
    after = Post(rules)
    restore = Restore(after.hub)
    restore.start(msgspec.json.decode(text, type=Checkpoint), 0.0)
    restore.finish(after.now_s)
    after.join(ANN, "ann")
    assert told(after.join(BEN, "ben"), BEN)[1:] == []
    assert told(after.pass_time(5), ANN) == [Expired("ben", "hall", peer="ann")]


def with_mailbox(**changes: Any) -> RoomRules:
    mailbox = msgspec.structs.replace(RULES.relays.mailbox, **changes)
    return msgspec.structs.replace(RULES, relays=Relays(mailbox=mailbox))


def test_a_frame_that_must_not_wait_is_refused() -> None:
    post = Post()
    post.join(ANN, "ann")
    (answer,) = told(post.do(Relay(ANN, "bye", "ben", None, b"{}", may_wait=False)), ANN)
    assert (answer.refusal.code, answer.to, answer.peer) == (Code.NO_SUCH_PEER, "ben", "ann")
    assert told(post.join(BEN, "ben"), BEN)[1:] == []


def test_later_frames_of_a_sender_can_expire_with_its_first_one_and_it_is_told_once() -> None:
    post = Post(with_mailbox(expire_together=True))
    post.join(ANN, "ann")
    post.join(BEN, "ben")
    for connection, to in ((ANN, "cleo"), (ANN, "dora"), (BEN, "cleo")):
        post.send(connection, to)
        post.now_s += 1
    post.send(ANN, "cleo")
    expired = post.pass_time(2)
    assert types(expired) == ["signal.expired", "signal.expired"]
    assert told(expired, ANN) == [Expired("cleo", "hall", msgspec.Raw(b"7"), "ann")]
    assert [message.sender for message in told(post.join(3, "cleo"), 3)[1:]] == ["ben"]
    assert [message.to for message in told(post.pass_time(60), ANN)] == ["dora"]


def test_a_sender_that_is_away_when_its_frame_expires_is_told_when_it_is_back() -> None:
    post = Post(with_mailbox(expire_together=True))
    post.join(ANN, "ann")
    post.send(ANN, "ben")
    post.pass_time(3)
    post.send(ANN, "ben")
    post.do(End(ANN, Ending.LOST))
    assert types(post.pass_time(3)) == []
    post.join(3, "ann")
    assert told(post.pass_time(2) + post.pass_time(5), 3) == [Expired("ben", "hall", msgspec.Raw(b"7"), "ann")]
    assert told(post.join(BEN, "ben"), BEN)[1:] == []


def test_a_frame_expires_after_the_session_of_a_sender_that_does_not_come_back() -> None:
    post = Post()
    post.join(ANN, "ann")
    post.send(ANN, "ben")
    post.do(End(ANN, Ending.LOST))
    expired = [each for _ in range(8) for each in types(post.pass_time(5))]
    assert expired == ["peer.left", "room.ended", "signal.expired"]
    assert told(post.join(BEN, "ben"), BEN)[1:] == []


class TestUnknownIds:
    """A mailbox that takes no frames for an id that has never joined."""

    rules = with_mailbox(takes_unknown_ids=False)

    def test_a_frame_for_an_id_that_has_never_joined_is_refused_at_once(self) -> None:
        post = Post(self.rules)
        post.join(ANN, "ann")
        (answer,) = told(post.send(ANN, "ben"), ANN)
        assert (answer.refusal.code, answer.to, answer.peer) == (Code.NO_SUCH_PEER, "ben", "ann")

    def test_a_frame_for_an_id_that_has_left_is_kept(self) -> None:
        post = Post(self.rules)
        post.join(ANN, "ann")
        post.join(BEN, "ben")
        post.do(Leave(connection=BEN))
        assert types(post.send(ANN, "ben")) == ["signal.kept"]

    def test_the_ids_that_are_connected_when_this_rule_begins_are_known(self) -> None:
        post = Post()
        post.join(ANN, "ann")
        post.join(BEN, "ben")
        post.hub.handle(SetRules({"post": self.rules}, 9), post.now_s)
        post.do(Leave(connection=BEN))
        assert types(post.send(ANN, "ben")) == ["signal.kept"]
        assert types(post.send(ANN, "cleo")) == ["signal.refused"]

    @pytest.mark.parametrize("by_checkpoint", [True, False])
    def test_an_id_is_known_after_a_restart(self, by_checkpoint: bool) -> None:
        post, records = Post(self.rules), list[Record]()
        for effects in (post.join(ANN, "ann"), post.join(BEN, "ben"), post.do(Leave(connection=BEN))):
            records += [effect for effect in effects if isinstance(effect, Record)]
        after = restarted(Post(self.rules), post, None if by_checkpoint else records)
        after.join(ANN, "ann")
        assert types(after.send(ANN, "ben")) == ["signal.kept"]
        assert types(after.send(ANN, "cleo")) == ["signal.refused"]

    def test_the_id_that_has_joined_longest_ago_is_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(known_ids, "MAX_KNOWN_IDS", 2)
        post = Post(self.rules)
        for connection, peer in ((BEN, "ben"), (3, "cleo"), (4, "ben"), (ANN, "ann")):
            post.join(connection, peer)
            if connection != ANN:
                post.do(Leave(connection=connection))
        assert types(post.send(ANN, "ben")) == ["signal.kept"]
        assert types(post.send(ANN, "cleo")) == ["signal.refused"]


def restarted(after: Post, post: Post, records: list[Record] | None) -> Post:
    """Restore the state of a hub into another one, from these records or else from a checkpoint."""
    text = msgspec.json.encode(checkpoint(post.hub, post.now_s)) if records is None else b'{"rooms":[],"waiting":[]}'
    restore = Restore(after.hub)
    restore.start(msgspec.json.decode(text, type=Checkpoint), 0.0)
    for record in records or []:
        restore.apply(past(record, 1.0))
    after.now_s = 500.0
    restore.finish(after.now_s)
    return after
