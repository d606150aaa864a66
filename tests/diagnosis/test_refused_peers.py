"""The diagnosis of peers whose join was refused, and of peers whose frames were refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from signaling_sidecar.diagnosis import Reason, diagnose, next_step, read_entries
from signaling_sidecar.errors import Code
from tests.kit.diagnosis_log import Story, candidate, sdp

TOO_BIG = {"code": 1009, "ending": "lost", "by": "sidecar", "reason": "Message size 70056 exceeds limit 65537"}


def rejections(story: Story) -> list[str]:
    return [line for line in str(diagnose(read_entries([story.write()]))).splitlines() if line.startswith("✗")]


@pytest.mark.parametrize("code", ["too-large", "too-fast", "bad-json", "peer-away"])
@pytest.mark.parametrize("kind", ["offer", "answer"])
def test_a_refusal_is_reported_with_its_code(story: Story, code: str, kind: str) -> None:
    story.joins("ben", "Ben")
    if kind == "answer":
        story.describes("ben", "offer")
    story.is_refused("ben" if kind == "offer" else "ann", kind, code).waits(60)
    who = "Ben" if kind == "offer" else "Ann"
    assert story.verdict().finding.reason is Reason.REFUSED
    assert story.verdict().finding.sentence == f"the {kind} of {who} was refused: {code} (because of {code})"


def test_a_refused_frame_that_was_sent_again_is_not_the_cause(story: Story) -> None:
    story.joins("ben").is_refused("ben", "offer", "too-fast").describes("ben", "offer").describes("ann", "answer")
    story.names("ben", "10.0.0.2").names("ann", "10.0.0.1").waits(60)
    assert story.verdict().finding.reason is Reason.UNKNOWN


@pytest.mark.parametrize(("code", "reason"), [("too-fast", Reason.IN_PROGRESS), ("bad-field", Reason.REFUSED)])
def test_a_frame_that_a_client_sends_again_has_time_to_arrive(story: Story, code: str, reason: Reason) -> None:
    assert story.joins("ben").is_refused("ben", "offer", code).waits(1).verdict().finding.reason is reason
    assert story.waits(10).verdict().finding.reason is Reason.REFUSED


def test_a_refused_offer_that_may_be_sent_again_is_not_reported_as_missing(story: Story) -> None:
    story.joins("ben").waits(4).is_refused("ben", "offer", "too-fast").waits(3)
    assert story.verdict().finding.reason is Reason.IN_PROGRESS


def test_a_refusal_that_is_recorded_at_the_end_does_not_hide_that_a_peer_left(story: Story) -> None:
    story.joins("ben").is_refused("ben", "offer", "too-fast").waits(10).goes_away("ann").goes_away("ben")
    story.is_refused("ben", "offer", "too-fast").waits(5).leaves("ann").leaves("ben")
    assert story.verdict().finding.reason is Reason.REFUSED


def test_an_offer_that_is_refused_before_its_candidates_are_relayed(story: Story) -> None:
    story.joins("ben", "Ben").is_refused("ben", "offer", "bad-field").names("ben", "10.0.0.2").waits(60)
    assert story.verdict().finding.reason is Reason.REFUSED


def test_a_refused_frame_to_a_third_peer_does_not_concern_the_pair(story: Story) -> None:
    story.joins("ben").joins("cleo").is_refused("ben", "offer", "bad-field", to="cleo").waits(60)
    reasons = {verdict.sentence.partition(":")[0]: verdict.finding.reason for verdict in story.verdicts()}
    assert reasons == {
        "Ann and ben": Reason.NOBODY_OFFERED,
        "Ann and cleo": Reason.NOBODY_OFFERED,
        "ben and cleo": Reason.REFUSED,
    }


@pytest.mark.parametrize("kind", ["exit", "update", "LEAVE_ROOM"])
@pytest.mark.parametrize("wait_s", [1, 60])
def test_a_refused_frame_that_is_no_signal_is_not_the_cause(story: Story, kind: str, wait_s: int) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").is_refused("ann", kind, "bad-field").waits(wait_s)
    sentence = story.verdict().finding.sentence
    assert sentence == (
        "Ben has sent an offer, and Ann may still answer" if wait_s == 1 else "Ann has not answered the offer of Ben"
    )


def test_what_a_dialect_relays_is_a_signal_under_any_word(story: Story) -> None:
    story.joins("ben", "Ben").is_refused("ben", "tell", "bad-field").waits(60)
    assert story.verdict().finding.reason is Reason.NOBODY_OFFERED
    story.sends("ann", "tell")
    assert story.verdict().finding.sentence == "the tell of Ben was refused: bad-field (because of bad-field)"


@pytest.mark.parametrize(
    ("peer", "wait_s", "reason"),
    [("ann", 1, Reason.IN_PROGRESS), ("ann", 60, Reason.REFUSED), ("ben", 60, Reason.OFFER_UNANSWERED)],
)
@pytest.mark.parametrize(("kind", "code"), [(None, "too-fast"), (None, "bad-json"), ("hello", "unknown-type")])
def test_a_refused_frame_of_an_unknown_kind_may_have_been_what_is_missing(
    story: Story, kind: str | None, code: str, peer: str, wait_s: int, reason: Reason
) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").is_refused(peer, kind, code).waits(wait_s)
    assert story.verdict().finding.reason is reason


@pytest.mark.parametrize(
    ("peer", "wait_s", "reason"),
    [("ben", 1, Reason.IN_PROGRESS), ("ben", 60, Reason.REFUSED), ("ann", 60, Reason.NO_CANDIDATES)],
)
@pytest.mark.parametrize("kind", ["@", "signal"])
def test_where_one_kind_carries_everything_a_refused_frame_counts_only_for_a_peer_whose_frames_are_missing(
    story: Story, kind: str, peer: str, wait_s: int, reason: Reason
) -> None:
    story.joins("ben", "Ben").sends("ann", kind, offer={"type": "offer", "sdp": sdp("ANNu", candidate("10.0.0.1"))})
    story.describes("ben", "answer").is_refused(peer, kind, "bad-field").waits(wait_s)
    assert story.verdict().finding.reason is reason


def test_without_an_offer_a_refused_frame_of_an_unknown_kind_is_reported_before_frames_of_an_unknown_form(
    story: Story,
) -> None:
    story.joins("ben", "Ben").waits(10).sends("ben", "hello").is_refused("ben", None, "bad-json").waits(1)
    assert story.verdict().finding.reason is Reason.REFUSED


def test_a_frame_over_the_limit_ended_its_connection(story: Story) -> None:
    """The peer counts as having left, but the diagnosis reports the refusal, and not only that it has left."""
    story.joins("ben", "Ben").record("connection.closed", "ben", data=TOO_BIG).leaves("ben").waits(60)
    finding = story.verdict().finding
    assert finding.reason is Reason.REFUSED
    assert finding.sentence == "the frame of Ben was refused: too-large (Message size 70056 exceeds limit 65537)"
    assert story.evidence() == ["connection.closed"]


def test_a_frame_over_the_limit_ended_a_connection_that_was_in_several_rooms(story: Story) -> None:
    """The record `connection.closed` of such a connection names no room and no peer."""
    story.joins("ben", "Ben", origin="http://localhost:5173")  # on connection 2
    story.record("connection.closed", room=None, connection=2, data=TOO_BIG).leaves("ben").waits(60)
    finding = story.verdict().finding
    assert finding.reason is Reason.REFUSED
    assert finding.sentence == "the frame of Ben was refused: too-large (Message size 70056 exceeds limit 65537)"


def test_a_connection_that_ended_for_another_reason_is_not_a_refusal(story: Story) -> None:
    ended = {**TOO_BIG, "code": 1012, "reason": "restart"}
    story.joins("ben").record("connection.closed", "ben", data=ended).leaves("ben").waits(60)
    assert story.verdict().finding.reason is Reason.LEFT


@pytest.mark.parametrize("code", ["room-full", "id-taken"])
def test_a_refused_join_is_reported(story: Story, code: str) -> None:
    story.record("signal.refused", kind="join", data={"code": code, "message": "because", "count": 1})
    assert rejections(story) == [f"✗ an unknown peer was not admitted to bar: {code} (because)"]


def test_a_refused_join_of_a_peer_that_was_there_before_is_reported_with_its_label(story: Story) -> None:
    story.joins("ben", "Ben").leaves("ben")
    story.record("signal.refused", "ben", session=None, kind="join", data={"code": "room-full", "message": "because"})
    assert rejections(story) == ["✗ Ben was not admitted to bar: room-full (because)"]


def test_repeated_refusals_are_reported_once(story: Story) -> None:
    for _ in range(3):
        story.record("signal.refused", kind="join", data={"code": "room-full", "message": "because", "count": 1})
    assert rejections(story) == ["✗ an unknown peer was not admitted to bar: room-full (because), 3 times"]


def test_an_offer_to_a_peer_that_never_existed_is_reported(story: Story) -> None:
    story.is_refused("ann", "offer", "no-such-peer", to="somebody-else")
    assert rejections(story) == ["✗ the offer of Ann was refused: no-such-peer (because of no-such-peer)"]
    assert story.verdicts() == []


def test_an_offer_from_outside_of_all_rooms_is_reported(story: Story) -> None:
    story.record("signal.refused", kind="offer", room=None, data={"code": "not-joined", "message": "join first"})
    assert rejections(story) == ["✗ the offer of an unknown peer was refused: not-joined (join first)"]


@pytest.mark.parametrize("kind", ["enter", "hello", "CREATE_ROOM"])
def test_a_refused_newcomer_is_reported_whatever_its_protocol_calls_a_join(story: Story, kind: str) -> None:
    story.record("signal.refused", kind=kind, data={"code": "room-full", "message": "because"})
    assert rejections(story) == ["✗ an unknown peer was not admitted to bar: room-full (because)"]


def test_a_refused_frame_that_names_no_room_is_reported_with_its_kind(story: Story) -> None:
    story.record("signal.refused", kind="enter", room=None, data={"code": "bad-field", "message": "because"})
    assert rejections(story) == ["✗ the enter of an unknown peer was refused: bad-field (because)"]


@pytest.mark.parametrize("kind", ["candidate", "update", "signal"])
def test_a_frame_that_follows_a_refused_join_is_not_reported_too(story: Story, kind: str) -> None:
    story.record("signal.refused", kind=kind, room=None, data={"code": "not-joined", "message": "join first"})
    assert rejections(story) == []


def test_a_refused_candidate_to_an_absent_peer_is_not_reported(story: Story) -> None:
    """Such refusals are normal: the sender learns a moment later that the other peer has left."""
    assert rejections(story.is_refused("ann", "candidate", "no-such-peer", to="somebody-else")) == []


@pytest.mark.parametrize("code", Code)
def test_the_advice_about_a_refusal_fits_any_protocol(code: Code) -> None:
    """The advice contains no names of frames or fields, which differ between protocols and would be in backticks."""
    advice = next_step(Reason.REFUSED, code)
    assert advice != next_step(Reason.REFUSED)
    assert "`" not in (advice or "")


@pytest.mark.parametrize(("reason", "end"), [("token expired", "had expired"), ("token revoked", "had been revoked")])
def test_a_peer_whose_token_has_ended_was_disconnected_by_the_sidecar(story: Story, reason: str, end: str) -> None:
    closed = {"code": 4401, "by": "sidecar", "ending": "lost", "reason": reason}
    story.joins("ben", "Ben", origin="https://app").describes("ben", "offer")
    story.record("connection.closed", "ben", connection=3, data=closed)
    story.record("peer.away", "ben", connection=3, data={"ending": "lost", "grace_s": 30.0})
    assert story.verdict().finding.sentence == f"Ben was disconnected because its token {end}, and may return"
    story.waits(30).leaves("ben").waits(60)
    assert story.verdict().finding.sentence == (
        f"Ben was disconnected because its token {end} before they were connected"
    )


def test_what_an_earlier_run_has_refused_is_told_only_of_a_finished_log(tmp_path: Path) -> None:
    """While a sidecar runs, the app may have been corrected since."""
    first, second = Story(tmp_path, boot="r0000001-a"), Story(tmp_path, boot="r0000002-b", at_s=60)
    logs = [first.is_refused("ann", "offer", "no-such-peer", to="x").write(), second.joins("ben").write()]
    assert len(diagnose(read_entries(logs)).rejections) == 1
    assert diagnose(read_entries(logs), second.now_ts).rejections == []
