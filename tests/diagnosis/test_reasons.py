"""The diagnosis finds each reason why peers are not connected, and distinguishes it from similar reasons."""

from __future__ import annotations

import pytest

from signaling_sidecar.diagnosis import Reason
from tests.kit.diagnosis_log import CONNECTED, FAILED, Story, candidate, elsewhere

# --- verdicts from the signaling alone
# ----------------------------------------------------------------------------------


def test_complete_signaling_is_not_reported_as_connected(story: Story) -> None:
    verdict = story.negotiates().waits(60).verdict()
    assert verdict.finding.reason is verdict.signaling.reason is Reason.UNKNOWN
    assert verdict.sentence == (
        "Ann and Ben: the signaling is complete; no browser has reported whether they are connected"
    )


def test_candidates_in_the_descriptions_count_as_well(story: Story) -> None:
    story.joins("ben").describes("ben", "offer", candidate("10.0.0.2")).describes(
        "ann", "answer", candidate("10.0.0.1")
    )
    assert story.waits(60).verdict().finding.reason is Reason.UNKNOWN


@pytest.mark.parametrize(("waited_s", "reason"), [(1, Reason.IN_PROGRESS), (60, Reason.NOBODY_OFFERED)])
def test_neither_peer_sent_an_offer(story: Story, waited_s: float, reason: Reason) -> None:
    assert story.joins("ben").waits(waited_s).verdict().finding.reason is reason


@pytest.mark.parametrize("what", ["candidates", "an answer"])
def test_a_peer_that_sends_other_signals_without_an_offer_is_named(story: Story, what: str) -> None:
    story.joins("ben", "Ben").joins("cleo")
    _ = story.names("ann", "10.0.0.1") if what == "candidates" else story.describes("ann", "answer")
    verdict, *others = story.waits(60).verdicts()
    assert verdict.finding.reason is Reason.NOBODY_OFFERED
    assert verdict.notes == (
        f"Ann has sent {what} nevertheless: the offer was not sent, or did not pass through this sidecar",
    )
    assert [each.notes for each in others] == [(), ()]


@pytest.mark.parametrize(("waited_s", "reason"), [(1, Reason.IN_PROGRESS), (60, Reason.OFFER_UNANSWERED)])
def test_an_offer_that_is_never_answered(story: Story, waited_s: float, reason: Reason) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").names("ben", "10.0.0.2").waits(waited_s)
    assert story.verdict().finding.reason is reason
    assert story.evidence() == ["offer"]


def test_a_peer_that_never_answers_is_named_and_reported_as_away(story: Story) -> None:
    story.joins("ben", "Ben").record("peer.away", "ann", data={"ending": "lost"}).describes("ben", "offer")
    story.record("peer.resumed", "ann").waits(60)
    assert story.verdict().finding.sentence == "Ann has not answered the offer of Ben (Ann was away)"


def test_an_offer_that_is_repeated_is_one_attempt(story: Story) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").waits(5).describes("ben", "offer").describes("ann", "answer")
    story.names("ben", "10.0.0.2").names("ann", "10.0.0.1").waits(60)
    assert story.verdict().finding.reason is Reason.UNKNOWN


@pytest.mark.parametrize(("silent", "who"), [("ann", "Ann"), ("ben", "Ben")])
def test_an_answered_offer_without_the_candidates_of_one_side(story: Story, silent: str, who: str) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").describes("ann", "answer")
    story.names("ben" if silent == "ann" else "ann", "10.0.0.1").waits(60)
    assert story.verdict().finding.reason is Reason.NO_CANDIDATES
    assert story.verdict().finding.sentence == f"the offer was answered, but {who} has not sent a candidate"
    assert story.evidence() == ["offer", "answer"]


def test_the_end_of_candidates_does_not_count_as_a_candidate(story: Story) -> None:
    story.joins("ben").describes("ben", "offer").describes("ann", "answer")
    for peer in ("ann", "ben"):
        story.sends(peer, "candidate", candidate={"candidate": ""})
    assert story.waits(60).verdict().finding.reason is Reason.NO_CANDIDATES


def test_offers_that_cross_and_are_both_dropped(story: Story) -> None:
    story.joins("ben").describes("ann", "offer").describes("ben", "offer").waits(60)
    assert story.verdict().finding.reason is Reason.GLARE
    assert story.evidence() == ["offer", "offer"]


def test_the_note_about_crossing_offers_names_the_answered_one(story: Story) -> None:
    story.joins("ben", "Ben").describes("ann", "offer").describes("ben", "offer").describes("ben", "answer")
    story.names("ann", "10.0.0.1").names("ben", "10.0.0.2").waits(60)
    verdict = story.verdict()
    assert verdict.finding.reason is Reason.UNKNOWN
    assert verdict.notes == ("both sent an offer at the same time; that of Ann was answered",)


def both_answer(story: Story) -> Story:
    story.joins("ben", "Ben").describes("ann", "offer").describes("ben", "offer")
    return story.describes("ben", "answer").describes("ann", "answer").names("ann", "10.0.0.1").names("ben", "10.0.0.2")


def test_offers_that_cross_and_are_both_answered(story: Story) -> None:
    """Only a browser's report shows the fault: without it, the two offers may be for two RTCPeerConnections."""
    both_answer(story).reports("ann", peerId="ben", connection="connecting", ice="connected")
    assert story.waits(60).verdict().signaling.reason is Reason.UNKNOWN
    assert story.verdict().finding.reason is Reason.GLARE
    assert story.evidence() == ["offer", "offer", "answer", "answer"]


def test_offers_that_cross_and_are_both_answered_for_two_connections(story: Story) -> None:
    assert both_answer(story).reports("ann", peerId="ben", **CONNECTED).verdict().finding.reason is Reason.CONNECTED


def test_a_polite_peer_that_offers_again_is_not_in_a_glare(story: Story) -> None:
    story.joins("ben", "Ben").describes("ann", "offer").describes("ben", "offer").describes("ben", "answer")
    story.describes("ben", "offer").describes("ann", "answer").names("ann", "10.0.0.1").names("ben", "10.0.0.2")
    story.reports("ann", peerId="ben", **FAILED)
    assert story.verdict().finding.reason is Reason.ICE_FAILED


@pytest.mark.parametrize("who", ["ann", "ben"])
def test_a_peer_that_leaves_during_the_negotiation_is_named(story: Story, who: str) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").leaves(who).waits(60)
    assert story.verdict().finding.reason is Reason.LEFT
    assert story.verdict().finding.sentence == f"{who.title()} left before they were connected"
    assert story.evidence() == ["offer", "peer.left"]


def test_leaving_long_after_the_deadline_of_the_answer_is_not_the_cause(story: Story) -> None:
    story.joins("ben").describes("ben", "offer").waits(60).leaves("ben")
    assert story.verdict().finding.reason is Reason.OFFER_UNANSWERED


def test_the_reason_for_a_refused_offer_to_a_peer_that_left_is_that_it_left(story: Story) -> None:
    story.joins("ben", "Ben").leaves("ben").is_refused("ann", "offer", "no-such-peer", to="ben").waits(60)
    assert story.verdict().finding.reason is Reason.LEFT


def test_a_reloaded_page_begins_a_new_attempt(story: Story) -> None:
    story.negotiates().describes("ben", "offer", ufrag="BEN2").waits(60)
    assert story.verdict().finding.reason is Reason.OFFER_UNANSWERED


def test_a_peer_that_joins_again_begins_a_new_meeting(story: Story) -> None:
    story.negotiates().leaves("ben").joins("ben").describes("ben", "offer", ufrag="BEN2").waits(60)
    assert [verdict.finding.reason for verdict in story.verdicts()] == [Reason.UNKNOWN, Reason.OFFER_UNANSWERED]


def test_during_a_retry_the_reason_of_the_failed_attempt_is_reported(story: Story) -> None:
    """Both peers retry at once, so their offers cross. That glare is not the reason why the first attempt failed."""
    story.joins("ben", "Ben").describes("ben", "offer").waits(20)
    story.describes("ann", "offer", ufrag="ANN2").describes("ben", "offer", ufrag="BEN2").waits(20)
    finding = story.verdict().finding
    assert finding.reason is Reason.OFFER_UNANSWERED
    assert finding.sentence == "Ann has not answered the offer of Ben; they are trying again"


# --- verdicts with reports of browsers
# -----------------------------------------------------------------------------------------


def test_peers_are_connected_if_a_browser_reports_it(story: Story) -> None:
    pair = {"local": {"type": "host"}, "remote": {"type": "srflx"}}
    story.negotiates().reports("ann", peerId="ben", **CONNECTED, pair=pair)
    assert story.verdict().finding.reason is Reason.CONNECTED
    assert story.verdict().sentence == "Ann and Ben: connected (host to srflx)"
    assert story.verdict().signaling.reason is Reason.UNKNOWN


def test_a_report_finds_its_pair_by_the_ice_ufrag(story: Story) -> None:
    """The page is in no room and uses an unknown library. Its report still shows the result of its connection."""
    story.negotiates()
    frame = {"type": "trace", "event": "state", "page": "p", "pc": "x", "localUfrag": "BENu", **CONNECTED}
    story.record("trace.state", kind="trace", data=frame, room=None)
    assert story.verdict().finding.reason is Reason.CONNECTED


def test_a_pair_that_was_connected_until_one_left_counts_as_connected(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", **CONNECTED).leaves("ben")
    story.reports("ann", "closed", peerId="ben", connection="closed")
    finding = story.verdict().finding
    assert (finding.reason, finding.sentence) == (Reason.CONNECTED, "they were connected when Ben left")


def test_a_pair_that_was_connected_and_then_lost_the_connection(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", **CONNECTED).waits(60).reports("ann", peerId="ben", **FAILED)
    finding = story.verdict().finding
    assert (finding.reason, finding.sentence) == (
        Reason.ICE_FAILED,
        "they were connected, and then lost the connection",
    )


@pytest.mark.parametrize(("reporting", "way"), [("ann", "relay to host"), ("ben", "host to relay")])
def test_the_kinds_of_the_selected_candidates_are_in_the_order_of_the_peers(
    story: Story, reporting: str, way: str
) -> None:
    other = "ann" if reporting == "ben" else "ben"
    story.negotiates().reports(reporting, peerId=other, **CONNECTED)
    story.reports(reporting, "selected", peerId=other, pair={"local": {"type": "relay"}, "remote": {"type": "host"}})
    assert story.verdict().sentence == f"Ann and Ben: connected ({way})"


def test_two_peers_are_not_connected_while_their_connection_is_interrupted(story: Story) -> None:
    """A browser gives up only 15 s after it has noticed that no answers arrive."""
    story.negotiates().reports("ann", peerId="ben", **CONNECTED).waits(20)
    story.reports("ann", peerId="ben", connection="disconnected", ice="disconnected")
    finding = story.waits(10).verdict().finding
    sentence = "they were connected; the connection is interrupted, and may recover"
    assert (finding.reason, finding.sentence) == (Reason.IN_PROGRESS, sentence)
    assert story.evidence() == ["trace", "trace"]
    assert story.reports("ann", peerId="ben", **CONNECTED).verdict().finding.reason is Reason.CONNECTED


def test_a_failure_before_two_peers_were_connected_is_not_why_their_connection_has_ended(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", localUfrag="ANNu", remoteUfrag="BENu", **FAILED).waits(20)
    story.describes("ben", "offer", ufrag="BEN2").describes("ann", "answer", ufrag="ANN2")
    second = {"pc": "second", "peerId": "ben", "localUfrag": "ANN2", "remoteUfrag": "BEN2"}
    story.reports("ann", **second, **CONNECTED).waits(20).reports("ann", "closed", **second, connection="closed")
    story.reports("ann", "closed", peerId="ben", connection="closed")
    assert story.verdict().finding.sentence.startswith("they were connected until Ann closed its RTCPeerConnection")


def test_a_dtls_handshake_that_failed_after_ice_had_connected(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", connection="connecting", ice="connected")
    story.reports("ann", peerId="ben", connection="failed", dtls="failed")
    assert story.verdict().finding.reason is Reason.DTLS_FAILED


def test_a_peer_that_reports_nothing_may_have_ended_the_dtls_handshake(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", connection="connecting", ice="connected")
    story.reports("ann", peerId="ben", connection="failed", ice="connected")
    known = "ICE found a path, but the DTLS handshake failed: a fingerprint or certificate does not match"
    assert story.verdict().finding.sentence == f"{known}, or Ben, which reports nothing, has ended the handshake"
    story.reports("ben", peerId="ann", connection="failed", dtls="failed")
    assert story.verdict().finding.sentence == known


def test_a_failed_ice_check_is_reported(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", **FAILED)
    assert story.verdict().finding.reason is Reason.ICE_FAILED


@pytest.mark.parametrize(("waited_s", "reason"), [(5, Reason.IN_PROGRESS), (20, Reason.ICE_FAILED)])
def test_a_connection_that_never_reports_a_failure_has_a_deadline(
    story: Story, waited_s: float, reason: Reason
) -> None:
    story.negotiates().reports("ann", peerId="ben", connection="new", ice="new").waits(waited_s)
    assert story.verdict().finding.reason is reason


def test_only_mdns_candidates_are_reported(story: Story) -> None:
    story.negotiates("a.local", "b.local").reports("ann", peerId="ben", **FAILED)
    assert story.verdict().finding.reason is Reason.ONLY_MDNS


def test_mdns_candidates_are_not_the_cause_if_there_are_other_candidates(story: Story) -> None:
    story.negotiates("a.local", "b.local").names("ann", "203.0.113.9", "srflx").reports("ann", peerId="ben", **FAILED)
    assert story.verdict().finding.reason is Reason.ICE_FAILED


def test_peers_in_different_networks_are_reported(story: Story) -> None:
    story.negotiates("192.168.1.7", "10.0.0.2").reports("ben", peerId="ann", **FAILED)
    finding = story.verdict().finding
    assert finding.reason is Reason.SUBNETS
    assert "Ann in 192.168.1.0/24, Ben in 10.0.0.0/24" in finding.sentence


def test_one_network_in_common_is_enough(story: Story) -> None:
    story.negotiates("192.168.1.7", "10.0.0.2").names("ann", "10.0.0.9").reports("ben", peerId="ann", **FAILED)
    assert story.verdict().finding.reason is Reason.ICE_FAILED


def test_a_relay_only_policy_without_a_relay_candidate_is_reported(story: Story) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").describes("ann", "answer").names("ann", "10.0.0.1")
    story.reports("ben", "opened", peerId="ann", policy="relay", turnServers=0)
    story.reports("ben", peerId="ann", connection="new", ice="new").waits(20)
    finding = story.verdict().finding
    assert finding.reason is Reason.RELAY_ONLY
    assert finding.sentence == "Ben may use only relay candidates (iceTransportPolicy), and found none"


def test_discarded_candidates_that_arrived_before_the_description_are_reported(story: Story) -> None:
    story.joins("ben", "Ben").names("ben", "10.0.0.2").describes("ben", "offer").describes("ann", "answer")
    story.names("ann", "10.0.0.1")
    story.reports("ann", "error", peerId="ben", operation="addIceCandidate", name="InvalidStateError")
    story.reports("ann", peerId="ben", **FAILED)
    assert story.verdict().finding.reason is Reason.EARLY_CANDIDATES
    assert story.evidence() == ["candidate", "trace"]


def test_kept_candidates_that_arrived_before_the_description_are_noted(story: Story) -> None:
    story.joins("ben", "Ben").names("ben", "10.0.0.2").describes("ben", "offer").describes("ann", "answer")
    story.names("ann", "10.0.0.1").reports("ann", peerId="ben", **CONNECTED)
    verdict = story.verdict()
    assert verdict.finding.reason is Reason.CONNECTED
    assert verdict.notes == ("Ben sent candidates before its description: a page that adds them at once loses them",)


def test_a_page_that_is_not_a_secure_context_is_reported(story: Story) -> None:
    story.joins("ben", "Ben").reports("ben", "page", pc=None, secure=False).waits(60)
    finding = story.verdict().finding
    assert finding.reason is Reason.INSECURE_PAGE
    assert finding.sentence.startswith("the page of Ben is not a secure context")


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ("http://192.168.1.7:5173", Reason.INSECURE_PAGE),
        ("http://dev.test:5173", Reason.INSECURE_PAGE),
        ("https://192.168.1.7:5173", Reason.NOBODY_OFFERED),
        ("http://localhost:5173", Reason.NOBODY_OFFERED),
        ("http://app.localhost:5173", Reason.NOBODY_OFFERED),
        ("http://[::1]:5173", Reason.NOBODY_OFFERED),
        ("chrome-extension://abcdefgh", Reason.NOBODY_OFFERED),
        ("http://[", Reason.NOBODY_OFFERED),
    ],
)
def test_the_origin_of_a_page_also_shows_whether_it_is_a_secure_context(
    story: Story, origin: str, reason: Reason
) -> None:
    """The diagnosis also works for a client that reports nothing."""
    assert story.joins("ben", "Ben", origin=origin).waits(60).verdict().finding.reason is reason


def test_the_report_of_a_page_takes_precedence_over_its_origin(story: Story) -> None:
    """Browsers can be configured to treat an origin as secure."""
    story.joins("ben", "Ben", origin="http://192.168.1.7").reports("ben", "page", pc=None, secure=True).waits(60)
    assert story.verdict().finding.reason is Reason.NOBODY_OFFERED


def test_an_insecure_page_that_is_connected_is_not_a_fault(story: Story) -> None:
    story.negotiates().reports("ben", "page", pc=None, secure=False).reports("ben", peerId="ann", **CONNECTED)
    assert story.verdict().finding.reason is Reason.CONNECTED


def test_a_failure_is_reported_while_the_peers_retry(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", localUfrag="ANNu", connection="failed", dtls="failed")
    story.describes("ben", "offer", ufrag="BEN2").describes("ann", "answer", ufrag="ANN2")
    story.names("ben", "10.0.0.2", ufrag="BEN2").names("ann", "10.0.0.1", ufrag="ANN2")
    story.reports("ann", pc="second", peerId="ben", localUfrag="ANN2", connection="connecting", ice="checking")
    finding = story.verdict().finding
    assert finding.reason is Reason.DTLS_FAILED
    assert finding.sentence.endswith("; they are trying again")


def test_a_candidate_belongs_to_its_own_attempt_even_after_the_next_has_begun(story: Story) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").describes("ann", "answer").names("ann", "10.0.0.1")
    story.describes("ann", "offer", ufrag="ANN2").names("ben", "10.0.0.2")
    story.reports("ann", peerId="ben", localUfrag="ANNu", connection="failed", dtls="failed")
    assert story.verdict().finding.reason is Reason.DTLS_FAILED


def test_a_connection_before_a_reload_does_not_count_afterwards(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", localUfrag="ANNu", **CONNECTED)
    story.describes("ben", "offer", ufrag="BEN2").waits(60)
    assert story.verdict().finding.reason is Reason.OFFER_UNANSWERED


def test_a_second_attempt_that_succeeds_counts(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", localUfrag="ANNu", **FAILED)
    story.describes("ben", "offer", ufrag="BEN2").describes("ann", "answer", ufrag="ANN2")
    story.names("ben", "10.0.0.2", ufrag="BEN2").names("ann", "10.0.0.1", ufrag="ANN2")
    story.reports("ann", pc="second", peerId="ben", localUfrag="ANN2", **CONNECTED)
    assert story.verdict().finding.reason is Reason.CONNECTED


def test_pages_with_another_signaling_server_are_paired_by_their_ufrags(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", connection="connecting")
    elsewhere(story, "two", localUfrag="B", remoteUfrag="A", **CONNECTED)
    verdict = story.verdict()
    assert (verdict.finding.reason, verdict.sentence) == (Reason.CONNECTED, "page one and page two: connected")
    assert verdict.signaling.reason is Reason.UNKNOWN


def test_a_page_whose_browser_has_made_an_offer_that_it_did_not_send_is_named(story: Story) -> None:
    story.joins("ben", "Ben").reports("ben", peerId="ann", localUfrag="BENu", signaling="have-local-offer")
    verdict = story.waits(60).verdict()
    assert (verdict.finding.reason, verdict.notes) == (
        Reason.NOBODY_OFFERED,
        ("Ben has made an offer nevertheless: the offer was not sent, or did not pass through this sidecar",),
    )


def test_an_offer_of_an_earlier_meeting_is_not_mentioned_in_a_later_one(story: Story) -> None:
    story.joins("ben", "Ben", instance="p1").describes("ben", "offer").describes("ann", "answer")
    story.reports("ben", peerId="ann", localUfrag="BENu", signaling="have-local-offer")
    story.leaves("ben").joins("ben", "Ben", instance="p1").waits(60)
    assert story.verdicts()[-1].notes == ()


@pytest.mark.parametrize(("waited_s", "reason"), [(1, Reason.IN_PROGRESS), (60, Reason.OFFER_NOT_RECEIVED)])
def test_an_unanswered_offer_through_another_signaling_server_is_reported(
    story: Story, waited_s: float, reason: Reason
) -> None:
    elsewhere(story, "one", localUfrag="A", signaling="have-local-offer")
    assert story.waits(waited_s).verdict().finding.reason is reason


def test_if_no_page_has_received_an_offer_the_advice_is_to_look_at_the_page_that_made_it(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", signaling="have-local-offer")
    verdict = story.waits(60).verdict()
    assert verdict.sentence == (
        "page one and an unknown peer: the offer of page one has not been answered, and no other page has reported "
        "that it received it"
    )
    assert (verdict.next_step or "").startswith("look at the console of the page that made the offer")


def test_a_failure_of_pages_with_another_signaling_server_is_reported(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", **FAILED)
    elsewhere(story, "two", localUfrag="B", remoteUfrag="A", connection="connecting")
    assert story.verdict().finding.reason is Reason.ICE_FAILED


def test_an_unknown_report_is_ignored(story: Story) -> None:
    story.negotiates().record("trace.state", "ann", data={"type": "trace", "event": 7, "pc": []}).waits(60)
    assert story.verdict().finding.reason is Reason.UNKNOWN
