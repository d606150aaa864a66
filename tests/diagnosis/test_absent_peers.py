"""The diagnosis of pairs in which one peer is away, has left, or has closed its page.

The diagnosis does not report that such a peer failed to answer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from signaling_sidecar.diagnosis import Reason
from tests.kit.diagnosis_log import CONNECTED, FAILED, UFRAGS, Story, by_socket, elsewhere


def test_a_peer_that_is_away_may_return_and_answer(story: Story) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").goes_away("ann").waits(20)
    finding = story.verdict().finding
    assert finding.reason is Reason.IN_PROGRESS
    assert finding.sentence == "Ann has lost its connection to the sidecar, and may return"
    assert story.evidence() == ["offer", "peer.away"]


def test_a_peer_that_returned_and_did_not_answer_is_the_cause(story: Story) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").goes_away("ann").record("peer.resumed", "ann")
    assert story.waits(60).verdict().finding.reason is Reason.OFFER_UNANSWERED


def test_a_peer_that_has_just_returned_has_time_to_answer(story: Story) -> None:
    """Ann receives the offer only when she returns."""
    story.joins("ben", "Ben").goes_away("ann", "lost").describes("ben", "offer").waits(60).record("peer.resumed", "ann")
    assert story.waits(4).verdict().finding.reason is Reason.IN_PROGRESS
    assert story.waits(2).verdict().finding.reason is Reason.OFFER_UNANSWERED
    story.goes_away("ann", "lost").waits(60).record("peer.resumed", "ann")
    assert story.verdict().finding.reason is Reason.OFFER_UNANSWERED


def test_a_peer_that_has_just_returned_has_time_to_send_an_offer(story: Story) -> None:
    story.goes_away("ann", "lost").joins("ben", "Ben").goes_away("ben", "lost").waits(60)
    story.record("peer.resumed", "ben").record("peer.resumed", "ann")
    assert story.verdict().finding.sentence == "they have only just met"
    assert story.waits(6).verdict().finding.reason is Reason.NOBODY_OFFERED


@pytest.mark.parametrize("who", ["ann", "ben"])
@pytest.mark.parametrize(
    ("ending", "departure"),
    [
        ("unloaded", "left"),
        ("lost", "lost its connection to the sidecar"),
        ("stopped", "lost its connection to the sidecar"),
    ],
)
def test_a_peer_that_never_returns_counts_as_having_left_when_it_lost_its_connection(
    story: Story, who: str, ending: str, departure: str
) -> None:
    """After its page is closed, a peer is away for at least 5 s before it counts as having left."""
    story.joins("ben", "Ben").describes("ben", "offer").goes_away(who, ending).waits(30).leaves(who).waits(60)
    assert story.verdict().finding.reason is Reason.LEFT
    assert story.verdict().finding.sentence == f"{who.title()} {departure} before they were connected"
    assert story.evidence() == ["offer", "peer.away", "peer.left"]


def test_a_peer_that_has_not_returned_since_the_sidecar_was_killed_is_away(story: Story) -> None:
    """A sidecar that is killed does not record that its connections have ended.

    The checkpoint of the next run shows which peers have no connection.
    """
    story.joins("ben", "Ben").describes("ben", "offer").restarts("ann", "ben").record("peer.resumed", "ben").waits(20)
    finding = story.verdict().finding
    assert finding.reason is Reason.IN_PROGRESS
    assert finding.sentence == "Ann has lost its connection to the sidecar, and may return"
    story.record("peer.resumed", "ann").waits(60)
    assert story.verdict().finding.sentence == "Ann has not answered the offer of Ben"


@pytest.mark.parametrize(
    ("reason", "departure"),
    [("kicked", "was kicked out of the room"), ("room-closed", "was removed because the room was closed")],
)
def test_a_peer_that_was_removed_has_not_left_by_itself(story: Story, reason: str, departure: str) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").record("peer.left", "ann", data={"reason": reason}).waits(60)
    assert story.verdict().finding.sentence == f"Ann {departure} before they were connected"


def test_an_offer_to_a_peer_that_was_away_and_never_returned(story: Story) -> None:
    story.joins("ben", "Ben").goes_away("ann").is_refused("ben", "offer", "peer-away", to="ann")
    assert story.verdict().finding.reason is Reason.IN_PROGRESS
    assert story.waits(30).leaves("ann").waits(60).verdict().finding.reason is Reason.LEFT


def test_an_offer_to_a_peer_that_was_away_and_returned(story: Story) -> None:
    """A client without a token receives nothing that was sent to it while it was away."""
    story.joins("ben", "Ben").goes_away("ann").is_refused("ben", "offer", "peer-away", to="ann")
    assert story.record("peer.resumed", "ann").waits(60).verdict().finding.reason is Reason.REFUSED


def test_losing_the_connection_long_after_the_deadline_of_the_answer_is_not_the_cause(story: Story) -> None:
    story.joins("ben").describes("ben", "offer").waits(60).goes_away("ben").waits(30).leaves("ben")
    assert story.verdict().finding.reason is Reason.OFFER_UNANSWERED


@pytest.mark.parametrize("ends", [Story.goes_away, Story.leaves])
def test_a_connection_that_fails_after_the_other_peer_has_left_is_not_a_failure(story: Story, ends: object) -> None:
    """A page that is closed does not notify the other browser, which detects the lost connection after some time."""
    story.negotiates().reports("ann", peerId="ben", **CONNECTED)
    ends(story, "ben").waits(20).reports("ann", peerId="ben", **FAILED)  # type: ignore[operator]
    if ends is Story.goes_away:
        story.leaves("ben")
    finding = story.verdict().finding
    assert (finding.reason, finding.sentence) == (Reason.CONNECTED, "they were connected, until Ben left")


def test_a_connection_that_fails_while_both_peers_are_present_is_a_failure(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", **CONNECTED).waits(20).reports("ann", peerId="ben", **FAILED)
    assert story.goes_away("ben").waits(30).leaves("ben").verdict().finding.reason is Reason.ICE_FAILED


def test_a_peer_that_has_also_lost_the_sidecar_may_return(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", **CONNECTED).goes_away("ben", "lost").waits(20)
    assert story.reports("ann", peerId="ben", **FAILED).verdict().finding.reason is Reason.IN_PROGRESS
    assert story.record("peer.resumed", "ben").verdict().finding.reason is Reason.ICE_FAILED


def test_two_peers_are_not_connected_any_more_when_one_has_reloaded_its_page(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", localUfrag="ANNu", remoteUfrag="BENu", **CONNECTED)
    assert story.goes_away("ben").verdict().finding.reason is Reason.CONNECTED
    finding = story.record("peer.resumed", "ben").verdict().finding
    sentence = "they were connected until Ben reloaded its page, and neither has sent an offer since"
    assert (finding.reason, finding.sentence) == (Reason.IN_PROGRESS, sentence)
    story.waits(5)
    assert (story.verdict().finding.reason, story.verdict().notes) == (Reason.NOBODY_OFFERED, ())
    finding = story.waits(10).reports("ann", peerId="ben", **FAILED).verdict().finding
    assert (finding.reason, finding.sentence) == (Reason.NOBODY_OFFERED, sentence)
    story.describes("ben", "offer", ufrag="BEN2")
    assert story.verdict().finding.reason is Reason.IN_PROGRESS


def test_an_offer_after_a_reload_counts_although_the_log_has_no_payloads(story: Story) -> None:
    story.joins("ben", "Ben")
    for peer, to, kind in (("ben", "ann", "offer"), ("ann", "ben", "answer")):
        story.record("signal.relayed", peer, to=to, kind=kind)
    story.reports("ann", peerId="ben", **CONNECTED).goes_away("ben").record("peer.resumed", "ben")
    story.record("signal.relayed", "ben", to="ann", kind="offer").waits(20)
    assert story.verdict().finding.sentence == "Ann has not answered the offer of Ben"


def test_a_failure_before_a_reload_is_not_that_of_a_later_offer_although_the_log_has_no_payloads(story: Story) -> None:
    story.joins("ben", "Ben")
    for peer, to, kind in (("ben", "ann", "offer"), ("ann", "ben", "answer")):
        story.record("signal.relayed", peer, to=to, kind=kind)
    story.reports("ann", peerId="ben", **CONNECTED).goes_away("ben").record("peer.resumed", "ben")
    story.reports("ann", peerId="ben", **FAILED)
    for peer, to, kind in (("ben", "ann", "offer"), ("ann", "ben", "answer")):
        story.record("signal.relayed", peer, to=to, kind=kind)
    assert story.waits(2).verdict().finding.reason is Reason.UNKNOWN
    assert story.waits(60).verdict().finding.reason is Reason.UNKNOWN


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_page_that_was_discarded_or_opened_in_another_tab_has_ended_its_connections(
    story: Story, *, is_lost: bool
) -> None:
    """A phone discards a page without unloading it. Another tab may take over the session."""
    story.joins("ben", "Ben", instance="ben-1").describes("ben", "offer").describes("ann", "answer")
    story.names("ben", "10.0.0.2").names("ann", "10.0.0.1").reports("ann", peerId="ben", **CONNECTED).waits(20)
    if is_lost:
        story.goes_away("ben", "lost")
    story.record("peer.resumed", "ben", data={"instance": "ben-2"}).waits(20)
    sentence = "they were connected until Ben reloaded its page, and neither has sent an offer since"
    assert story.verdict().finding.sentence == sentence
    assert story.reports("ann", peerId="ben", **FAILED).verdict().finding.sentence == sentence


def test_two_peers_are_not_connected_any_more_when_one_has_closed_its_connection(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", localUfrag="ANNu", remoteUfrag="BENu", **CONNECTED)
    story.reports("ben", peerId="ann", localUfrag="BENu", remoteUfrag="ANNu", **CONNECTED).waits(60)
    finding = story.reports("ann", "closed", peerId="ben", connection="closed").verdict().finding
    sentence = "they were connected until Ann closed its RTCPeerConnection, and neither has sent an offer since"
    assert (finding.reason, finding.sentence) == (Reason.IN_PROGRESS, sentence)
    finding = story.waits(10).reports("ben", peerId="ann", **FAILED).verdict().finding
    assert (finding.reason, finding.sentence) == (Reason.NOBODY_OFFERED, sentence)
    assert story.evidence() == ["trace", "trace"]
    assert (story.verdict().next_step or "").startswith("if a user has ended the call, nothing is wrong")
    finding = story.leaves("ann").verdict().finding
    assert (finding.reason, finding.sentence) == (
        Reason.CONNECTED,
        "they were connected, until Ann closed its RTCPeerConnection",
    )


def test_two_peers_stay_connected_when_one_closes_an_earlier_connection(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", localUfrag="ANNu", remoteUfrag="BENu", **CONNECTED)
    story.describes("ben", "offer", ufrag="BEN2").describes("ann", "answer", ufrag="ANN2")
    story.reports("ann", pc="second", peerId="ben", localUfrag="ANN2", remoteUfrag="BEN2", **CONNECTED)
    story.reports("ann", "closed", peerId="ben", connection="closed").waits(60)
    assert story.verdict().finding.reason is Reason.CONNECTED


def test_a_lost_websocket_does_not_end_the_connection_of_two_peers(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", **CONNECTED).goes_away("ben", "lost").record("peer.resumed", "ben")
    assert story.waits(60).verdict().finding.reason is Reason.CONNECTED


@pytest.mark.parametrize("returning", [["ben"], ["ann"], ["ann", "ben"]])
@pytest.mark.parametrize("reporting", ["ann", "ben"])
def test_two_pages_that_stay_connected_while_their_sessions_end_need_no_offer(
    story: Story, returning: list[str], reporting: str
) -> None:
    """A page keeps its RTCPeerConnections while there is no sidecar, for example while Vite is stopped for a minute."""
    meets_again(story, returning, reporting)
    assert [each.finding.reason for each in story.verdicts()] == [Reason.CONNECTED, Reason.CONNECTED]
    story.waits(60).reports(reporting, peerId="ann" if reporting == "ben" else "ben", **FAILED)
    assert story.verdicts()[-1].finding.sentence == "they were connected, and then lost the connection"


@pytest.mark.parametrize("reloaded", ["ann", "ben"])
def test_the_connection_of_a_page_that_was_reloaded_while_its_session_ended_does_not_count(
    story: Story, reloaded: str
) -> None:
    meets_again(story, ["ann", "ben"], "ben", reloaded)
    assert story.verdicts()[-1].finding.reason is Reason.NOBODY_OFFERED


def test_a_connection_that_was_closed_before_two_pages_met_again_does_not_count(story: Story) -> None:
    meets_again(story, ["ann", "ben"], "ben", closes=True)
    assert story.verdicts()[-1].finding.reason is Reason.NOBODY_OFFERED


@pytest.mark.parametrize("end", ["closed by the other page", "failed"])
def test_a_connection_that_had_ended_before_two_pages_met_again_does_not_count(story: Story, end: str) -> None:
    """When a session ends, the other page closes its RTCPeerConnection. The page that returns notices it later."""
    story.leaves("ann").joins("ann", "Ann", instance="ann-1").joins("ben", "Ben", instance="ben-1")
    story.describes("ben", "offer").describes("ann", "answer").names("ben", "10.0.0.2").names("ann", "10.0.0.1")
    of_ann = {"peerId": "ben", "localUfrag": "ANNu", "remoteUfrag": "BENu"}
    of_ben = {"peerId": "ann", "localUfrag": "BENu", "remoteUfrag": "ANNu"}
    story.reports("ann", **of_ann, **CONNECTED).reports("ben", **of_ben, **CONNECTED)
    story.goes_away("ben", "lost").waits(30).leaves("ben")
    if end == "failed":
        story.reports("ann", **of_ann, **FAILED)
    else:
        story.reports("ann", "closed", **of_ann, connection="closed")
    story.joins("ben", "Ben", instance="ben-1").waits(1)
    assert story.verdicts()[-1].finding.sentence == "they have only just met"
    assert story.waits(10).verdicts()[-1].finding.sentence == "neither has sent an offer"


def meets_again(
    story: Story, returning: list[str], reporting: str, reloaded: str | None = None, *, closes: bool = False
) -> None:
    """Connect two pages, let the sessions of those in `returning` end, and let them join again."""
    story.leaves("ann").joins("ann", "Ann", instance="ann-1").joins("ben", "Ben", instance="ben-1")
    story.describes("ben", "offer").describes("ann", "answer").names("ben", "10.0.0.2").names("ann", "10.0.0.1")
    other = "ann" if reporting == "ben" else "ben"
    story.reports(reporting, peerId=other, localUfrag=UFRAGS[reporting], remoteUfrag=UFRAGS[other], **CONNECTED)
    if closes:
        story.reports(reporting, "closed", peerId=other, connection="closed")
    for peer in returning:
        story.goes_away(peer, "lost").waits(30).leaves(peer)
    for peer in returning:
        story.joins(peer, peer.title(), instance=f"{peer}-{2 if peer == reloaded else 1}")
    story.waits(60)


def test_it_is_unknown_whether_a_page_without_reports_was_closed(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", **CONNECTED)
    by_socket(story.waits(20), "one", 1)
    assert story.verdict().finding.reason is Reason.UNKNOWN


@pytest.mark.parametrize(("ending", "reason"), [("unloaded", Reason.CONNECTED), ("lost", Reason.ICE_FAILED)])
def test_a_page_that_uses_another_signaling_server_has_left_when_its_socket_is_closed(
    story: Story, ending: str, reason: Reason
) -> None:
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", **CONNECTED)
    elsewhere(story, "two", connection_=2, localUfrag="B", remoteUfrag="A", **CONNECTED)
    by_socket(story, "two", 2, ending)
    by_socket(story.waits(20), "one", 1)
    assert story.verdict().finding.reason is reason


# --- peers that leave before any browser has sent a report
# -----------------------------------------------------------------


def test_it_is_unknown_whether_two_peers_were_connected_if_one_leaves_after_complete_signaling(story: Story) -> None:
    finding = story.negotiates().leaves("ben").waits(60).verdict().finding
    assert finding.reason is Reason.UNKNOWN
    assert finding.sentence == (
        "the signaling is complete; no browser has reported whether they were connected before Ben left"
    )
    assert story.evidence() == ["offer", "answer", "peer.left"]


@pytest.mark.parametrize("names", ["ann", "ben"])
def test_the_candidates_of_one_side_can_be_enough_for_a_connection(story: Story, names: str) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").describes("ann", "answer").names(names, "10.0.0.2")
    finding = story.leaves("ben").waits(60).verdict().finding
    assert finding.reason is Reason.UNKNOWN
    assert (
        finding.sentence
        == "the offer was answered; no browser has reported whether they were connected before Ben left"
    )


def test_without_any_candidate_they_were_not_connected(story: Story) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").describes("ann", "answer").leaves("ben").waits(60)
    assert story.verdict().finding.reason is Reason.LEFT
    assert story.verdict().finding.sentence == "Ben left before either had sent a candidate"


def test_the_last_report_of_a_closed_page_may_be_lost(story: Story) -> None:
    story.negotiates().reports("ben", peerId="ann", connection="connecting", ice="checking").leaves("ben").waits(60)
    assert story.verdict().finding.reason is Reason.UNKNOWN


def test_a_page_that_closed_its_rtcpeerconnection_has_reported_everything(story: Story) -> None:
    story.negotiates().reports("ben", peerId="ann", connection="connecting")
    story.reports("ben", "closed", peerId="ann", connection="closed").leaves("ben").waits(60)
    assert story.verdict().finding.reason is Reason.LEFT


def test_the_peer_that_stayed_would_have_reported_a_connection(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", connection="connecting").leaves("ben").waits(60)
    assert story.verdict().finding.reason is Reason.LEFT
    assert story.verdict().finding.sentence == "Ben left before they were connected"


@pytest.mark.parametrize("way", [FAILED, {"connection": "failed", "ice": "connected"}])
def test_a_connection_that_fails_because_the_other_peer_left_is_not_a_failure(
    story: Story, way: dict[str, str]
) -> None:
    story.negotiates().reports("ann", peerId="ben", connection="connecting").leaves("ben").waits(20)
    assert story.reports("ann", peerId="ben", **way).verdict().finding.reason is Reason.LEFT


def test_the_result_is_unknown_if_a_page_with_another_server_is_closed_at_once(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", connection="connecting")
    by_socket(story, "one", 1, "unloaded")
    assert story.waits(60).verdict().finding.reason is Reason.UNKNOWN


def test_a_page_that_was_reloaded_is_no_pair_with_its_own_earlier_session(tmp_path: Path) -> None:
    story = Story(tmp_path).joins("b1", "Ben").goes_away("b1").waits(5).joins("b2", "Ben")
    assert [verdict.sentence.partition(":")[0] for verdict in story.verdicts()] == ["Ann and Ben", "Ann and Ben"]
    other = Story(tmp_path).joins("b1", "Ben").joins("b2", "Ben").goes_away("b1")
    assert "Ben and Ben (2)" in [verdict.sentence.partition(":")[0] for verdict in other.verdicts()]
