"""In some dialects, clients generate a token. It shows whether a join with an id in use is from the same client."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
import pytest

from signaling_sidecar.errors import Code
from signaling_sidecar.hub import Hub, RoomKey
from signaling_sidecar.hub.commands import Alive, Command, End, Join, Kick, Tick
from signaling_sidecar.hub.effects import Challenge, Close, Effect, Record, Send
from signaling_sidecar.hub.messages import CloseCode, PeerList, Refused
from signaling_sidecar.hub.rules import Challenged, Ending, Endings, Joining, RoomRules
from tests.kit.hub_driver import GRACE_S, CountedIds

OLDER, NEWER = 1, 2
RULES = RoomRules(
    joining=Joining(capacity=9, challenged=Challenged.THE_ID, replacements=2, replacement_window_s=20.0),
    endings=Endings(grace_s=GRACE_S),
)


class Desk:
    """A hub in which Ann has joined with a token."""

    def __init__(self, rules: RoomRules = RULES) -> None:
        self.hub = Hub({"desk": rules}, 9, CountedIds())
        self.now_s = 100.0
        self.records: list[Record] = []
        self.join(OLDER, "secret")

    def do(self, command: Command) -> list[Effect]:
        effects = self.hub.handle(command, self.now_s)
        self.records += [effect for effect in effects if isinstance(effect, Record)]
        return effects

    def join(self, connection: int, own_token: str | None) -> list[Effect]:
        return self.do(
            Join(connection=connection, room=RoomKey("desk", "hall"), at_ms=0, peer="ann", own_token=own_token)
        )

    def pass_time(self, seconds: float) -> list[Effect]:
        self.now_s += seconds
        return self.do(Tick())

    @property
    def sessions(self) -> dict[str, int | None]:
        return {each.id: each.connection for room in self.hub.membership.rooms for each in room.sessions.values()}


def types(effects: list[Effect]) -> list[str]:
    return [effect.type for effect in effects if isinstance(effect, Record)]


def told(effects: list[Effect]) -> list[object]:
    return [effect.message for effect in effects if isinstance(effect, Send)]


def test_only_the_hash_of_a_token_is_recorded() -> None:
    (joined,) = [record for record in Desk().records if record.type == "peer.joined"]
    assert isinstance(joined.data, dict)
    assert joined.data["own_token"] == hashlib.sha256(b"secret").hexdigest()
    assert b"secret" not in msgspec.json.encode(joined.data)


def test_with_the_same_token_a_newer_connection_replaces_the_older_one_without_a_challenge() -> None:
    desk = Desk()
    joined = desk.join(NEWER, "secret")
    assert Close(OLDER, CloseCode.REPLACED, "replaced") in joined
    assert isinstance(told(joined)[0], PeerList)
    assert desk.sessions == {"session-1": NEWER}


def test_a_connection_that_was_replaced_too_often_with_its_own_token_is_challenged() -> None:
    desk = Desk()
    desk.join(2, "secret")
    desk.join(3, "secret")
    assert Challenge(3) in desk.join(4, "secret")
    (answer,) = told(desk.do(Alive(3)))
    assert isinstance(answer, Refused)
    assert answer.refusal.code is Code.ID_TAKEN
    desk.join(5, "secret")
    desk.pass_time(2)
    assert desk.sessions == {"session-1": 5}


@pytest.mark.parametrize("token", ["another", None])
def test_with_another_token_the_id_stays_with_a_connection_that_answers(token: str | None) -> None:
    desk = Desk()
    assert Challenge(OLDER) in desk.join(NEWER, token)
    (answer,) = told(desk.do(Alive(OLDER)))
    assert isinstance(answer, Refused)
    assert (answer.refusal.code, answer.peer) == (Code.ID_TAKEN, "ann")
    assert desk.sessions == {"session-1": OLDER}


@pytest.mark.parametrize("token", ["another", None])
@pytest.mark.parametrize("challenged", [Challenged.NOBODY, Challenged.THE_ROOM])
def test_where_ids_are_not_challenged_another_token_is_refused_at_once(
    challenged: Challenged, token: str | None
) -> None:
    desk = Desk(RoomRules(joining=Joining(capacity=9, challenged=challenged)))
    (answer,) = told(desk.join(NEWER, token))
    assert isinstance(answer, Refused)
    assert (answer.refusal.code, answer.peer) == (Code.ID_TAKEN, "ann")
    assert desk.sessions == {"session-1": OLDER}


@pytest.mark.parametrize(
    "is_lost",
    [lambda desk: desk.do(End(OLDER, Ending.LOST)), lambda desk: desk.pass_time(2)],
    ids=["it ends", "it does not answer"],
)
def test_with_another_token_a_new_session_gets_the_id_of_a_connection_that_does_not_answer(
    is_lost: Callable[[Desk], list[Effect]],
) -> None:
    desk = Desk()
    desk.join(NEWER, "another")
    assert types(is_lost(desk))[-4:] == ["peer.left", "room.ended", "room.created", "peer.joined"]
    assert desk.sessions == {"session-2": NEWER}


@pytest.mark.parametrize(("token", "session"), [("secret", "session-1"), ("another", "session-2")])
def test_the_session_of_a_peer_that_is_away_goes_on_with_its_token_only(token: str, session: str) -> None:
    desk = Desk()
    desk.do(End(OLDER, Ending.LOST))
    assert isinstance(told(desk.join(NEWER, token))[0], PeerList)
    assert desk.sessions == {session: NEWER}


def test_the_old_session_of_an_id_that_was_given_away_ends_only_once() -> None:
    desk = Desk()
    desk.do(End(OLDER, Ending.LOST))
    desk.join(NEWER, "another")
    assert desk.pass_time(60) == []


def test_a_peer_that_the_admin_removes_during_a_challenge_is_barred_like_any_other() -> None:
    desk = Desk()
    desk.join(NEWER, "another")
    desk.hub.administer(Kick(RoomKey("desk", "hall"), "ann"), desk.now_s)
    (answer,) = told(desk.do(End(OLDER, Ending.LOST)))
    assert isinstance(answer, Refused)
    assert answer.refusal.code is Code.BARRED
    assert desk.sessions == {}
