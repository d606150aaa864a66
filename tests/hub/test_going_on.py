"""What a hub that takes over knows about the connections that stay open.

Each test restores the hub in both ways: from records, and from a checkpoint.
"""

from __future__ import annotations

import pytest

from signaling_sidecar.dialects import match, peerjs, rooms
from signaling_sidecar.errors import Code
from signaling_sidecar.hub import Ending, RoomKey
from signaling_sidecar.hub.commands import (
    Alive,
    Join,
    Kick,
    Leave,
    Numbered,
    Opened,
    Relay,
    Several,
    TellSecrets,
)
from signaling_sidecar.hub.effects import Challenge, Close, Record
from signaling_sidecar.hub.messages import (
    Ack,
    Expired,
    Matched,
    PeerLeft,
    PeerList,
    PeerUpdated,
    Refused,
    Relayed,
    Resumed,
)
from signaling_sidecar.hub.numbered_frames import ACK_WITHIN_S
from signaling_sidecar.hub.state import BARRED_S
from tests.kit.owners import Owners, told, types

ANN, BEN, CLEO = 1, 2, 3
CODE, KEY = "4711", RoomKey("pairing", "concealed")


@pytest.fixture(params=[False, True], ids=["records", "checkpoint"])
def owners(request: pytest.FixtureRequest) -> Owners:
    return Owners(checkpoint_is_new=request.param)


def test_peers_whose_connections_live_on_need_not_join_again(owners: Owners) -> None:
    owners.join(ANN, "ann")
    owners.join(BEN, "ben")
    owners.take_over()
    (relayed,) = told(owners.relay(ANN, "ben"), BEN, Relayed)
    assert relayed.sender == "ann"
    assert [left.peer for left in told(owners.end(ANN, Ending.CLOSED), BEN, PeerLeft)] == ["ann"]


def test_the_peer_of_a_dead_connection_has_the_grace_of_a_restart(owners: Owners) -> None:
    owners.join(ANN, "ann")
    owners.join(BEN, "ben")
    owners.take_over(dead=[BEN])
    (notice,) = told(owners.pass_time(rooms.AWAY_NOTICE_S), ANN, PeerUpdated)
    assert (notice.peer, notice.away) == ("ben", True)
    grace_s = owners.rules["rooms"].endings.grace_s[Ending.STOPPED]
    assert told(owners.pass_time(grace_s - rooms.AWAY_NOTICE_S - 0.125), ANN, PeerLeft) == []
    assert [left.peer for left in told(owners.pass_time(0.25), ANN, PeerLeft)] == ["ben"]


@pytest.mark.parametrize("ending", [Ending.LOST, Ending.STOPPED])
def test_a_peer_that_was_away_before_has_the_rest_of_its_grace(owners: Owners, ending: Ending) -> None:
    grace_s = owners.rules["rooms"].endings.grace_s[ending]
    owners.join(ANN, "ann")
    owners.join(BEN, "ben")
    owners.end(BEN, ending)
    assert len(told(owners.pass_time(grace_s - 1), ANN, PeerUpdated)) == 1
    owners.take_over()
    assert told(owners.pass_time(0.875), ANN, object) == []  # Ann was told before the takeover that Ben is away
    assert [left.peer for left in told(owners.pass_time(0.25), ANN, PeerLeft)] == ["ben"]


def test_the_notice_that_a_peer_is_away_comes_when_it_would_have_come(owners: Owners) -> None:
    owners.join(ANN, "ann")
    owners.join(BEN, "ben")
    owners.end(BEN, Ending.LOST)
    owners.pass_time(rooms.AWAY_NOTICE_S - 0.25)
    owners.take_over()
    assert told(owners.pass_time(0.125), ANN, PeerUpdated) == []
    assert len(told(owners.pass_time(0.125), ANN, PeerUpdated)) == 1


def test_a_user_who_waits_is_put_into_a_group_on_the_same_connection(owners: Owners) -> None:
    owners.enqueue(ANN, "ann")
    owners.take_over()
    found = owners.enqueue(BEN, "ben")
    assert told(found, ANN, Matched)[0].peers == told(found, BEN, Matched)[0].peers == ("ann", "ben")


def test_a_user_who_waits_and_ends_the_connection_is_forgotten(owners: Owners) -> None:
    owners.enqueue(ANN, "ann")
    owners.take_over()
    assert types(owners.end(ANN)) == ["match.cancelled"]


def test_a_user_who_waited_on_a_dead_connection_keeps_the_place_for_a_while(owners: Owners) -> None:
    owners.enqueue(ANN, "ann", 3)
    owners.enqueue(BEN, "ben", 3)
    owners.take_over(dead=[ANN])
    assert told(owners.enqueue(CLEO, "cleo", 3), BEN, Matched) == []
    (matched,) = told(owners.enqueue(4, "ann", 3), 4, Matched)
    assert matched.peers == ("ann", "ben", "cleo")


def test_a_user_who_does_not_come_back_loses_the_place(owners: Owners) -> None:
    owners.enqueue(ANN, "ann")
    owners.take_over(dead=[ANN])
    assert types(owners.pass_time(match.KEPT_S)) == ["match.cancelled"]


def test_a_user_whose_front_has_died_loses_the_place_after_a_while() -> None:
    owners = Owners(checkpoint_is_new=False)
    owners.enqueue(ANN, "ann")
    owners.end(ANN, Ending.STOPPED)
    assert types(owners.pass_time(match.KEPT_S)) == ["match.cancelled"]


def test_whether_a_user_is_still_to_ask_for_its_group_is_known(owners: Owners) -> None:
    """A user's first request on a new connection asks for the user's group, and the second one for a new group."""
    owners.enqueue(ANN, "ann")
    owners.enqueue(BEN, "ben")
    owners.do(Opened(CLEO, "match", "ann"))
    owners.take_over()
    assert types(owners.enqueue(CLEO, "ann")) == ["match.returned"]
    owners.take_over()
    assert types(owners.enqueue(CLEO, "ann"))[0] == "peer.left"


def test_a_connection_in_several_rooms_has_them_in_the_same_order(owners: Owners) -> None:
    for room in ("bar", "den"):
        owners.join(BEN, "ben", "club", room)
    for room in ("bar", "den"):
        owners.join(ANN, "ann", "club", room)
    owners.do(Leave(connection=ANN, room=RoomKey("club", "bar")))
    owners.join(ANN, "ann", "club", "bar")
    owners.take_over()
    assert [session.room.key.room for session in owners.hub.membership.sessions(ANN)] == ["den", "bar"]
    relay = Relay(ANN, "say", None, None, b"{}", room=RoomKey("club", "den"))
    assert len(told(owners.do(relay), BEN, Relayed)) == 1
    assert types(owners.end(ANN)) == ["peer.away", "peer.away"]


def test_a_dead_connection_in_several_rooms_is_away_in_all_of_them(owners: Owners) -> None:
    for room in ("bar", "den"):
        owners.join(ANN, "ann", "club", room)
        owners.join(BEN, "ben", "club", room)
    owners.take_over(dead=[ANN])
    assert owners.hub.membership.sessions(ANN) == ()
    assert len(owners.hub.membership.sessions(BEN)) == 2
    assert len(told(owners.pass_time(10), BEN, PeerLeft)) == 2


def test_the_host_stays_host(owners: Owners) -> None:
    owners.join(ANN, "ann", "hosted")
    owners.join(BEN, "ben", "hosted")
    owners.take_over()
    room = owners.hub.membership.room(RoomKey("hosted", "bar"))
    assert room is not None
    assert room.host is not None
    assert room.host.peer == "ann"


def test_frames_go_on_with_the_next_number(owners: Owners) -> None:
    owners.join(ANN, "ann")
    (listed,) = told(owners.join(BEN, "ben", resumable=True), BEN, PeerList)
    owners.relay(ANN, "ben", b"[1]")
    owners.do(Numbered(BEN, Relay(BEN, "offer", "ann", None, b"[7]"), a=None, c=1))
    owners.take_over()
    owners.relay(ANN, "ben", b"[2]")
    numbered = Numbered(BEN, Relay(BEN, "offer", "ann", None, b"[7]"), a=None, c=1)
    assert owners.do(numbered) == []  # it was handled before
    assert listed.ticket is not None
    again = owners.join(CLEO, "ben", token=listed.ticket.token, after=0)
    assert told(again, CLEO, Resumed)[0].handled == 1
    assert [relayed.payload for relayed in told(again, CLEO, Relayed)] == [b"[1]", b"[2]"]


def test_a_client_learns_that_its_last_frame_was_handled(owners: Owners) -> None:
    owners.join(ANN, "ann", resumable=True)
    owners.do(Numbered(ANN, Relay(ANN, "offer", None, None, b"{}"), a=None, c=1))
    owners.take_over()
    assert told(owners.pass_time(ACK_WITHIN_S), ANN, Ack) == [Ack(1)]


def test_two_tabs_cannot_replace_each_other_more_often(owners: Owners) -> None:
    for connection in range(rooms.REPLACEMENTS + 1):
        owners.join(connection, "ann")
    owners.take_over()
    (refused,) = told(owners.join(99, "ann"), 99, Refused)
    assert refused.refusal.code == Code.ID_TAKEN
    owners.pass_time(rooms.REPLACEMENT_WINDOW_S)
    assert len(told(owners.join(99, "ann"), 99, PeerList)) == 1


# --- what an attacker would gain -----------------------------------------------------------------------------------


def guess(owners: Owners, connection: int, number: int, address: str | None = "203.0.113.9") -> Code | None:
    """Register a code, and return the error code. A code that nobody has creates a room, and counts as a try."""
    made = owners.join(connection, None, "pairing", f"key-{number}", room_name=f"{number}", address=address)
    refused = told(made, connection, Refused)
    return refused[0].refusal.code if refused else None


def test_a_connection_has_no_new_tries(owners: Owners) -> None:
    """A connection has five tries. After the first three, each try also counts as a try of the address."""
    assert [guess(owners, ANN, number) for number in range(4)] == [None] * 4
    owners.take_over()
    assert [guess(owners, ANN, number) for number in range(4, 6)] == [None, Code.TOO_FAST]
    owners.pass_time(60)
    assert guess(owners, ANN, 6) is None


def test_an_address_has_no_new_tries(owners: Owners) -> None:
    """An address has two tries, in addition to the first three tries of each of its connections."""
    assert [guess(owners, ANN, number) for number in range(4)] == [None] * 4
    owners.take_over(dead=[ANN])
    assert [guess(owners, BEN, number) for number in range(4, 9)] == [None, None, None, None, Code.TOO_FAST]
    assert [guess(owners, CLEO, number, "203.0.113.7") for number in range(9, 14)] == [None] * 5


def test_the_first_tries_of_an_address_are_limited_too(owners: Owners) -> None:
    for connection in range(20):
        assert guess(owners, connection, connection) is None
    owners.take_over(dead=range(20))
    assert guess(owners, 20, 20) is Code.TOO_FAST


def test_tries_are_limited_over_several_takeovers(owners: Owners) -> None:
    for number in range(5):
        assert guess(owners, ANN, number) is None
        owners.take_over()
    assert guess(owners, ANN, 5) is Code.TOO_FAST


def test_a_removed_peer_is_kept_out_for_the_rest_of_the_time(owners: Owners) -> None:
    owners.join(ANN, "ann")
    owners.join(BEN, "ben")
    owners.administer(Kick(RoomKey("rooms", "bar"), "ben"))
    owners.pass_time(BARRED_S - 1)
    owners.take_over()
    assert told(owners.join(CLEO, "ben"), CLEO, Refused)[0].refusal.code == Code.BARRED
    owners.pass_time(1)
    assert len(told(owners.join(CLEO, "ben"), CLEO, PeerList)) == 1


# --- names that are secret -----------------------------------------------------------------------------------------


def pair(owners: Owners) -> None:
    for connection in (ANN, BEN):
        owners.join(connection, None, "pairing", KEY.room, room_name=CODE)


def payloads(owners: Owners, payload: bytes) -> list[object]:
    return [each.data for each in owners.relay(ANN, None, payload) if isinstance(each, Record)]


def test_no_payload_is_recorded_while_the_secret_is_unknown(owners: Owners) -> None:
    pair(owners)
    owners.take_over()
    assert payloads(owners, b'{"said":"4711"}') == [None]
    assert payloads(owners, b'{"said":"0815"}') == [None]


def test_a_hub_that_is_told_the_secret_goes_on_with_it(owners: Owners) -> None:
    pair(owners)
    owners.take_over()
    for connection in (ANN, BEN):
        owners.do(TellSecrets(connection, {KEY: CODE, RoomKey("pairing", "other"): "0815"}))
    assert payloads(owners, b'{"said":"4711"}') == [None]
    assert payloads(owners, b'{"said":"0815"}') == [None]
    assert payloads(owners, b'{"said":"42"}') == [b'{"said":"42"}']
    assert told(owners.relay(ANN, None), BEN, Relayed)[0].room_name == CODE
    assert told(owners.end(ANN), BEN, PeerLeft)[0].room_name == CODE


def test_a_secret_is_only_believed_for_the_room_that_the_connection_is_in(owners: Owners) -> None:
    pair(owners)
    owners.join(CLEO, "cleo")
    owners.take_over()
    owners.do(TellSecrets(CLEO, {RoomKey("rooms", "bar"): "a name", KEY: "0815"}))
    assert owners.hub.membership.sessions(CLEO)[0].room.name is None
    assert owners.hub.membership.sessions(ANN)[0].room.name is None


# --- what waits ------------------------------------------------------------------------------------------------------


def test_a_kept_frame_expires_when_it_would_have_expired(owners: Owners) -> None:
    owners.join(BEN, "ben", "peerjs")
    owners.end(BEN, Ending.CLOSED)
    owners.join(ANN, "ann", "peerjs")
    assert types(owners.relay(ANN, "ben")) == ["signal.kept"]
    owners.pass_time(peerjs.KEEP_S - 1)
    owners.take_over()
    assert told(owners.pass_time(0.875), ANN, Expired) == []
    assert [expired.to for expired in told(owners.pass_time(0.25), ANN, Expired)] == ["ben"]


def test_a_join_that_waits_for_a_challenge_is_decided_after_the_takeover(owners: Owners) -> None:
    owners.join(ANN, "ann", "hosted")
    owners.join(BEN, "ann", "hosted")
    owners.relay(BEN, None)
    held = owners.hub.held()
    done = owners.take_over(held=held)
    assert [each for each in done if isinstance(each, Challenge)] == [Challenge(ANN)]
    resolved = owners.pass_time(2)
    assert [each.connection for each in resolved if isinstance(each, Close)] == [ANN]
    assert len(told(resolved, BEN, PeerList)) == 1
    assert types(resolved)[-1] == "signal.relayed"


def test_a_join_that_waits_is_refused_when_the_challenged_connection_answers(owners: Owners) -> None:
    owners.join(ANN, "ann", "hosted")
    owners.join(BEN, "ann", "hosted")
    owners.take_over(held=owners.hub.held())
    (refused,) = told(owners.do(Alive(ANN)), BEN, Refused)
    assert refused.refusal.code == Code.ID_TAKEN


def test_a_join_that_waits_is_admitted_when_the_challenged_connection_has_died(owners: Owners) -> None:
    owners.join(ANN, "ann", "hosted")
    owners.join(BEN, "ann", "hosted")
    assert len(told(owners.take_over(dead=[ANN], held=owners.hub.held()), BEN, PeerList)) == 1


def test_commands_of_one_frame_wait_together_and_only_the_first_refusal_is_sent(owners: Owners) -> None:
    owners.join(ANN, "ann", "hosted")
    join = Join(connection=BEN, room=RoomKey("hosted", "bar"), at_ms=0, peer="ann")
    frame = Several(BEN, (join, Relay(BEN, "offer", None, None, b"{}"), Leave(connection=BEN)))
    owners.do(frame)
    owners.relay(BEN, "nobody")
    done = owners.take_over(held=owners.hub.held())
    assert types(done) == ["peer.challenged"]
    resolved = owners.do(Alive(ANN))
    assert types(resolved) == ["signal.refused"] * 4
    assert len(told(resolved, BEN, Refused)) == 2


def test_a_try_that_waits_for_a_challenge_is_counted_once(owners: Owners) -> None:
    """The limit is five tries: two joins that waited, and three guesses. Each join must have been counted once."""
    pair(owners)
    for _ in range(2):
        assert told(owners.join(CLEO, None, "pairing", KEY.room, room_name=CODE), CLEO, Refused) == []
        owners.take_over(held=owners.hub.held())
        owners.do(Alive(ANN))
        assert len(told(owners.do(Alive(BEN)), CLEO, Refused)) == 1
    assert [guess(owners, CLEO, number) for number in range(4)] == [None, None, None, Code.TOO_FAST]


def test_an_idle_room_ends_though_the_first_room_is_in_use(owners: Owners) -> None:
    owners.join(ANN, "ann", "hosted", "den")
    owners.join(BEN, "ben", "hosted")
    owners.pass_time(90)
    owners.relay(ANN, None)
    owners.write_checkpoint()
    owners.take_over()
    owners.pass_time(15)
    assert [room.key.room for room in owners.hub.membership.rooms] == ["den"]


def test_a_room_that_was_idle_when_the_checkpoint_was_written_and_is_in_use_again_does_not_end(owners: Owners) -> None:
    owners.join(ANN, "ann", "hosted")
    owners.join(BEN, "ben", "hosted")
    owners.pass_time(90)
    owners.write_checkpoint()
    owners.relay(ANN, "ben")
    owners.take_over()
    owners.pass_time(95)
    assert len(owners.hub.membership) == 1
    owners.pass_time(15)
    assert len(owners.hub.membership) == 0
