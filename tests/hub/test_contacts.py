"""Contacts are peers that have exchanged frames. Rules can tell them of each other's leaves in unannounced rooms."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from signaling_sidecar.hub import Hub, Restore, RoomKey, checkpoint, contacts
from signaling_sidecar.hub.checkpoint import Checkpoint, SessionState
from signaling_sidecar.hub.commands import Command, End, Join, Kick, Leave, Relay, Tick
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.hub.messages import PeerLeft, Relayed
from signaling_sidecar.hub.rules import Announcements, Ending, Endings, Joining, Mailbox, Reason, Relays, RoomRules
from tests.kit.hub_driver import GRACE_S, CountedIds
from tests.kit.past import past

ANN, BEN, CLEO = 1, 2, 3
HALL = RoomKey("club", "hall")
RULES = RoomRules(
    joining=Joining(capacity=9),
    endings=Endings(grace_s=GRACE_S, durable=True),
    announcements=Announcements(announces_members=False, tells_contacts=True),
    relays=Relays(
        mailbox=Mailbox(
            frames=9,
            payload_bytes=99,
            total_payload_bytes=99,
            keep_s=5.0,
            expire_together=True,
            takes_unknown_ids=False,
        )
    ),
)


class Club:
    """A hub with one dialect, in which contacts are told of leaves, a clock, and the hub's records."""

    def __init__(self) -> None:
        self.hub = Hub({"club": RULES}, 9, CountedIds())
        self.now_s = 100.0
        self.records: list[Record] = []

    def do(self, command: Command) -> list[Effect]:
        effects = self.hub.handle(command, self.now_s)
        self.records += [effect for effect in effects if isinstance(effect, Record)]
        return effects

    def join(self, connection: int, peer: str, own_token: str | None = None) -> list[Effect]:
        return self.do(Join(connection=connection, room=HALL, at_ms=0, peer=peer, own_token=own_token))

    def send(self, connection: int, to: str) -> list[Effect]:
        return self.do(Relay(connection, "offer", to, None, b"{}"))

    def pass_time(self, seconds: float) -> list[Effect]:
        self.now_s += seconds
        return self.do(Tick())

    def restarted(self, *, by_checkpoint: bool) -> Club:
        """Return the next run, which is restored from a checkpoint of this one or from its records."""
        after = Club()
        text = msgspec.json.encode(checkpoint(self.hub, self.now_s)) if by_checkpoint else b'{"rooms":[],"waiting":[]}'
        restore = Restore(after.hub)
        restore.start(msgspec.json.decode(text, type=Checkpoint), 0.0)
        for record in [] if by_checkpoint else self.records:
            restore.apply(past(record, 1.0))
        restore.finish(after.now_s)
        return after


@pytest.fixture
def club() -> Club:
    """Ann has sent a frame to Ben, and Cleo has exchanged frames with nobody."""
    club = Club()
    for connection, peer in ((ANN, "ann"), (BEN, "ben"), (CLEO, "cleo")):
        club.join(connection, peer)
    club.send(ANN, "ben")
    return club


def left(effects: list[Effect]) -> list[tuple[tuple[int, ...], str, Reason]]:
    """Return each message that a peer has left: who received it, which peer has left, and why."""
    sends = [effect for effect in effects if isinstance(effect, Send)]
    return [(s.connections, s.message.peer, s.message.reason) for s in sends if isinstance(s.message, PeerLeft)]


@pytest.mark.parametrize(("connection", "peer", "other"), [(ANN, "ann", BEN), (BEN, "ben", ANN)])
@pytest.mark.parametrize(
    ("go", "reason"),
    [
        (lambda club, connection: club.do(Leave(connection=connection)), Reason.LEFT),
        (lambda club, connection: club.do(End(connection, Ending.UNLOADED)) + club.pass_time(5), Reason.LOST),
        (lambda club, connection: club.do(End(connection, Ending.LOST)) + club.pass_time(30), Reason.LOST),
    ],
    ids=["leaves", "page is left", "connection is lost"],
)
def test_a_contact_is_told_when_a_peer_is_gone_for_good(
    club: Club, connection: int, peer: str, other: int, go: Callable[[Club, int], list[Effect]], reason: Reason
) -> None:
    assert left(go(club, connection)) == [((other,), peer, reason)]


def test_a_contact_is_told_when_the_admin_removes_a_peer(club: Club) -> None:
    outcome = club.hub.administer(Kick(HALL, "ann"), club.now_s)
    assert isinstance(outcome, list)
    assert left(outcome) == [((BEN,), "ann", Reason.KICKED)]


@pytest.mark.parametrize("ending", [Ending.CLOSED, Ending.STOPPED])
def test_nobody_is_told_of_a_peer_whose_rtc_peer_connections_may_live_on(club: Club, ending: Ending) -> None:
    gone = club.do(End(ANN, ending)) + club.pass_time(60)
    assert "peer.left" in [effect.type for effect in gone if isinstance(effect, Record)]
    assert left(gone) == []


def test_a_peer_that_has_closed_its_connection_and_joined_again_has_its_contacts_still(club: Club) -> None:
    club.do(End(BEN, Ending.CLOSED))
    club.join(4, "ben")
    assert left(club.do(Leave(connection=4))) == [((ANN,), "ben", Reason.LEFT)]


def test_a_new_peer_with_the_id_of_one_that_is_gone_is_not_a_contact(club: Club) -> None:
    club.do(Leave(connection=BEN))
    club.join(4, "ben")
    assert left(club.do(Leave(connection=ANN))) == []


def test_a_frame_that_was_kept_makes_its_receiver_a_contact(club: Club) -> None:
    club.do(Leave(connection=BEN))
    club.send(CLEO, "ben")
    club.join(4, "ben")
    assert left(club.do(Leave(connection=CLEO))) == [((4,), "cleo", Reason.LEFT)]


@pytest.mark.parametrize("restart", [None, False, True], ids=["no restart", "from records", "from a checkpoint"])
def test_a_contact_that_calls_an_absent_peer_is_not_told_to_end_this_call(club: Club, restart: bool | None) -> None:
    club.do(Leave(connection=BEN))
    club.join(BEN, "ben", own_token="of a page")
    club.send(ANN, "ben")
    club.do(End(BEN, Ending.LOST))
    club.send(ANN, "ben")
    if restart is not None:
        club = club.restarted(by_checkpoint=restart)
        club.join(ANN, "ann")
    returned = club.join(4, "ben", own_token="of another page")
    sent = [each.message for each in returned if isinstance(each, Send)]
    assert [message.kind for message in sent if isinstance(message, Relayed)] == ["offer"]
    assert left(returned) == []
    assert left(club.do(Leave(connection=4))) == [((ANN,), "ben", Reason.LEFT)]


def test_a_contact_that_calls_an_absent_peer_is_told_that_the_admin_has_removed_it(club: Club) -> None:
    club.send(ANN, "ben")
    club.do(End(BEN, Ending.LOST))
    club.send(ANN, "ben")
    outcome = club.hub.administer(Kick(HALL, "ben"), club.now_s)
    assert isinstance(outcome, list)
    assert left(outcome) == [((ANN,), "ben", Reason.KICKED)]


def test_a_peer_has_a_limited_number_of_contacts(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "MAX_CONTACTS", 1)
    club.send(ANN, "cleo")
    assert left(club.do(Leave(connection=ANN))) == [((CLEO,), "ann", Reason.LEFT)]


@pytest.mark.parametrize("by_checkpoint", [True, False])
def test_contacts_are_known_after_a_restart(club: Club, by_checkpoint: bool) -> None:
    after = club.restarted(by_checkpoint=by_checkpoint)
    for connection, peer in ((ANN, "ann"), (BEN, "ben"), (CLEO, "cleo")):
        after.join(connection, peer)
    assert left(after.do(Leave(connection=BEN))) == [((ANN,), "ben", Reason.LEFT)]


# --- any sequence ----------------------------------------------------------------------------------------------------

CONNECTIONS, PEERS, TOKENS = range(1, 6), ("ann", "ben", "cleo"), ("t1", "t2", None)
connections, peers, tokens = map(strategies.sampled_from, (CONNECTIONS, PEERS, TOKENS))


class ClubMachine(RuleBasedStateMachine):
    """After each step, the state that the next run restores must be the state of this run."""

    def __init__(self) -> None:
        super().__init__()
        self.club = Club()

    @rule(connection=connections, peer=peers, token=tokens)
    def join(self, connection: int, peer: str, token: str | None) -> None:
        self.club.join(connection, peer, token)

    @rule(connection=connections, to=peers)
    def send(self, connection: int, to: str) -> None:
        self.club.send(connection, to)

    @rule(connection=connections)
    def leave(self, connection: int) -> None:
        self.club.do(Leave(connection=connection))

    @rule(connection=connections, ending=strategies.sampled_from(Ending))
    def end(self, connection: int, ending: Ending) -> None:
        self.club.do(End(connection, ending))

    @rule(seconds=strategies.sampled_from((1.0, 6.0, 40.0)))
    def time_passes(self, seconds: float) -> None:
        self.club.pass_time(seconds)

    @invariant()
    def the_next_run_knows_the_same(self) -> None:
        for by_checkpoint in (True, False):
            assert known(self.club.restarted(by_checkpoint=by_checkpoint)) == known(self.club)


def known(club: Club) -> tuple[list[SessionState], object, object]:
    """Return what must survive a restart: the sessions without connections, the kept frames and the known ids."""
    state = checkpoint(club.hub, club.now_s)
    sessions = [session for room in state.rooms for session in room.sessions]
    lasting = [msgspec.structs.replace(session, connection=None, away=None) for session in sessions]
    return lasting, state.mailboxes, state.known_ids


ClubMachine.TestCase.settings = settings(stateful_step_count=30)
TestClub = ClubMachine.TestCase
