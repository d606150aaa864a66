"""Two peers of PeerJS have one RTCPeerConnection for data and another for each call. Each frame names one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pytest

from signaling_sidecar.diagnosis import diagnose, read_entries
from signaling_sidecar.diagnosis.reasons import Reason
from tests.kit.diagnosis_log import CONNECTED, FAILED, Story, candidate, sdp
from tests.kit.inspection_log import record

DATA, CALL = "dc_1", "mc_2"


class Calls(Story):
    """A log of Ann and Ben, who use PeerJS."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "peerjs")
        self.joins("ben", "Ben")

    def offers(self, peer: str, call: str) -> Self:
        return self.sends_in(peer, "OFFER", call, sdp={"type": "offer", "sdp": sdp(f"{peer}-{call}")})

    def answers(self, peer: str, call: str) -> Self:
        self.sends_in(peer, "ANSWER", call, sdp={"type": "answer", "sdp": sdp(f"{peer}-{call}")})
        return self.names_addresses(call)

    def names_addresses(self, call: str) -> Self:
        for peer, address in (("ann", "10.0.0.1"), ("ben", "10.0.0.2")):
            self.sends_in(peer, "CANDIDATE", call, candidate={"candidate": candidate(address)})
        return self

    def sends_in(self, peer: str, kind: str, call: str, **payload: Any) -> Self:
        return self.sends(peer, kind, payload={**payload, "type": "data", "connectionId": call})

    def tells(self, peer: str, call: str, **report: str) -> Self:
        return self.reports(peer, peerId="ben", localUfrag=f"{peer}-{call}", pc=call, **report)


def test_clients_that_do_not_name_their_page_may_give_their_connections_the_same_name(story: Story) -> None:
    story.joins("ben", "Ben").joins("cleo", "Cleo")
    story.reports("ann", peerId="ben", page=None, pc="1", **CONNECTED)
    story.reports("cleo", peerId="ann", page=None, pc="1", **FAILED)
    story.reports("ben", peerId="cleo", page="of ben", pc="1", connection="connecting")
    reported = {
        tuple(session.peer for session in verdict.meeting.sessions): [
            [report.connection for connection in side for _, report in connection.reports]
            for side in verdict.meeting.connections
        ]
        for verdict in story.verdicts()
    }
    assert reported == {
        ("ann", "ben"): [["connected"], []],
        ("ann", "cleo"): [[], ["failed"]],
        ("ben", "cleo"): [["connecting"], []],
    }


def test_a_client_may_report_a_connection_before_it_has_joined_and_after_it_has_left(tmp_path: Path) -> None:
    story = Story(tmp_path).joins("ben", "Ben").describes("ben", "offer").describes("ann", "answer")

    def reports(peer: str | None, **report: object) -> None:
        data = {"type": "trace", "event": "state", "pc": "1", **report}
        where = {} if peer is not None else {"room": None}
        story.record("trace.state", peer, kind="trace", connection=7, data=data, **where)

    reports(None, peerId="ann", localUfrag="BENu")
    reports("ben", connection="connecting")
    story.leaves("ben")
    reports(None, connection="connected")
    (verdict,) = story.verdicts()
    assert verdict.finding.reason is Reason.CONNECTED
    # The next session on this WebSocket may use the same `pc` for another connection.
    story.joins("ben").reports("ben", page=None, pc="1", peerId="ann", connection="failed")
    first, *_ = story.verdicts()
    assert first.finding.reason is Reason.CONNECTED


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def test_offers_for_two_connections_that_cross_are_not_taken_for_one_negotiation(calls: Calls) -> None:
    calls.offers("ann", DATA).offers("ben", CALL).answers("ann", CALL).answers("ben", DATA)
    calls.tells("ann", CALL, **FAILED)
    assert calls.verdict().finding.reason is Reason.ICE_FAILED
    assert calls.verdict().notes == ()


def test_a_call_that_is_not_answered_is_reported_although_there_is_a_connection_for_data(calls: Calls) -> None:
    calls.offers("ann", DATA).offers("ann", CALL).answers("ben", DATA).tells("ann", DATA, **CONNECTED).waits(60)
    assert calls.verdict().finding.reason is Reason.OFFER_UNANSWERED


def test_a_refused_call_to_nobody_is_not_blamed_for_another_call(calls: Calls) -> None:
    calls.offers("ann", CALL).is_refused("ann", "OFFER", "bad-field").waits(60)
    assert calls.verdict().finding.sentence == "Ben has not answered the offer of Ann"


@pytest.mark.parametrize(("connection", "is_answered_by_the_app"), [(CALL, True), (DATA, False)])
def test_the_advice_about_an_unanswered_call_is_in_the_words_of_peerjs(
    calls: Calls, connection: str, *, is_answered_by_the_app: bool
) -> None:
    verdict = calls.offers("ann", connection).waits(60).verdict()
    assert verdict.finding.reason is Reason.OFFER_UNANSWERED
    assert ("call.answer()" in (verdict.next_step or "")) is is_answered_by_the_app


def test_a_second_connection_that_works_is_reported_as_connected(calls: Calls) -> None:
    calls.offers("ann", DATA).answers("ben", DATA).tells("ann", DATA, **FAILED)
    calls.offers("ben", CALL).answers("ann", CALL).tells("ann", CALL, **CONNECTED)
    assert calls.verdict().finding.reason is Reason.CONNECTED


def test_a_call_that_has_just_begun_does_not_hide_why_the_connection_for_data_failed(calls: Calls) -> None:
    calls.offers("ann", DATA).answers("ben", DATA).tells("ann", DATA, **FAILED).offers("ann", CALL)
    finding = calls.verdict().finding
    assert finding.reason is Reason.ICE_FAILED
    assert finding.sentence.endswith("; they are trying again")


class Bar(Calls):
    """Ann and Ben are also in a room of the dialect `rooms`, with the same ids as in PeerJS."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for peer in ("ann", "ben"):
            where = {"dialect": "rooms", "room": "lobby", "peer": peer, "session": f"lobby-{peer}"}
            self.add(record(len(self._lines) + 1, self.at_s, "peer.joined", **where, data={}))


def test_peers_that_find_each_other_with_one_protocol_and_call_with_another_are_told_where(tmp_path: Path) -> None:
    story = Bar(tmp_path).offers("ann", CALL).answers("ben", CALL).waits(60)
    called, found = diagnose(read_entries([story.write()]), story.now_ts).verdicts
    assert called.finding.reason is Reason.UNKNOWN
    assert found.finding.reason is Reason.NOBODY_OFFERED
    assert found.sentence == "ann and ben: neither has sent an offer here, but in the room 'bar' of peerjs"
    assert found.next_step is None


def test_peers_that_call_nobody_in_any_room_are_told_what_to_do(tmp_path: Path) -> None:
    story = Bar(tmp_path).waits(60)
    (found,) = [
        each
        for each in diagnose(read_entries([story.write()]), story.now_ts).verdicts
        if each.meeting.dialect == "rooms"
    ]
    assert found.sentence == "ann and ben: neither has sent an offer"
    assert found.next_step is not None
