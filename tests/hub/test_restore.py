"""After any sequence of commands, the state that is restored from the log equals the state of the hub."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from signaling_sidecar.hub import Ending, OwnRules, RoomKey
from signaling_sidecar.hub.commands import Alive, SetOwnRules
from signaling_sidecar.hub.resumption import RECORD_ACK_BYTES
from tests.kit.restore_machine import LONG, PAYLOADS, RestoreMachine, kept, user_connection


def test_frames_are_not_kept_again_after_a_restart_if_the_log_says_that_they_were_acknowledged() -> None:
    machine = RestoreMachine()
    machine.join(1, "bar", "ann", "rooms", resumable=False, name=None, own=None)
    machine.join(2, "bar", "ben", "rooms", resumable=True, name=None, own=None)
    for _ in range(3):
        machine.relay(1, "ben", numbered=False, payload=LONG)
    machine.acknowledge(2, 1)
    (frames,) = kept(machine.hub).values()
    assert [s for s, _ in frames] == [2, 3]
    assert [record.data for record in machine.records if record.type == "frame.acknowledged"] == ['{"a":0}', '{"a":1}']
    assert kept(machine.restored()) == kept(machine.hub)


def test_the_acknowledgement_of_short_frames_is_not_recorded_one_by_one() -> None:
    machine = RestoreMachine()
    machine.join(1, "bar", "ann", "rooms", resumable=False, name=None, own=None)
    machine.join(2, "bar", "ben", "rooms", resumable=True, name=None, own=None)
    frames = RECORD_ACK_BYTES // len(PAYLOADS[0]) + 1
    for a in range(1, frames + 1):
        machine.relay(1, "ben", numbered=False, payload=PAYLOADS[0])
        machine.acknowledge(2, a)
    acknowledged = [record.data for record in machine.records if record.type == "frame.acknowledged"]
    assert acknowledged == ['{"a":0}', f'{{"a":{frames}}}']  # the first frame also confirms the token


def test_a_list_that_answers_a_repeated_join_is_remembered_for_what_it_tells_about_peers_that_are_away() -> None:
    machine = RestoreMachine()
    machine.enter_the_club(1, ["bar"], peer=None)
    machine.enter_the_club(2, ["bar"], peer="ann")
    machine.end(2, Ending.LOST)
    machine.enter_the_club(1, ["bar"], peer=None)
    machine.the_log_knows_what_the_hub_knows()


def test_the_minute_in_which_a_removed_peer_is_kept_out_does_not_begin_again_with_each_restart() -> None:
    machine = RestoreMachine()
    machine.join(2, "bar", "ben", "rooms", resumable=False, name=None, own=None)
    machine.kick("bar", "ben", "rooms")
    for _ in range(3):
        assert machine.hub.state.barred
        machine.join(1, "bar", "ann", "rooms", resumable=False, name=None, own=None)
        machine.time_passes(20)
        machine.the_sidecar_is_started_again(cleanly=True)
    assert not machine.hub.state.barred


def test_a_room_of_the_matchmaking_is_as_old_after_a_restart_as_before() -> None:
    machine = RestoreMachine()
    machine.enqueue(1, "ben", 2, "")
    machine.time_passes(4.0)
    machine.enqueue(2, "ann", 2, "")
    machine.do(Alive(user_connection(1, "ben")))
    assert [room.matched for room in machine.hub.membership.rooms] == [("ben", "ann")]
    machine.the_log_knows_what_the_hub_knows()


def test_a_request_that_has_waited_for_a_challenge_is_as_old_after_a_restart_as_before() -> None:
    machine = RestoreMachine()
    machine.enqueue(1, "ben", 2, "")
    machine.time_passes(4.0)
    machine.enqueue(2, "ann", 2, "")
    machine.time_passes(4.0)
    assert [waiting.peer for waiting in machine.hub.matchmaking] == ["ann"]
    machine.the_log_knows_what_the_hub_knows()


@pytest.mark.parametrize("is_checkpoint", [True, False])
def test_a_restart_knows_whether_a_room_is_listed_without_its_own_rules(is_checkpoint: bool) -> None:
    machine = RestoreMachine()
    machine.join(1, "bar", "ann", "rooms", resumable=False, name=None, own=OwnRules(listed=False))
    if is_checkpoint:
        machine.begin_segment()
    hub = machine.restored()
    hub.administer(SetOwnRules(RoomKey("rooms", "bar"), None), machine.now_s)
    assert [room.room for room in hub.lobby.rooms("rooms").rooms] == ["bar"]


@pytest.mark.fuzz
def test_any_commands_are_restored_from_their_records() -> None:
    run_state_machine_as_test(RestoreMachine, settings=settings(stateful_step_count=30))
