"""Pages with a signaling server of their own are judged by what their browsers report. Frequent mistakes are named."""

from __future__ import annotations

import pytest

from signaling_sidecar.diagnosis import diagnose, read_entries
from signaling_sidecar.diagnosis.reasons import Reason
from tests.kit.diagnosis_log import CONNECTED, FAILED, Story, elsewhere

FIRST = {"pc": "a", "localUfrag": "A"}
"""The RTCPeerConnection of page one, whose offer page two has answered."""

SAME_PAGE = (
    "the two RTCPeerConnections are of one page: if the page should not call itself, look for a client that joins "
    "twice, as an effect without a complete clean-up does in React's StrictMode"
)


def two_pages_connect(story: Story) -> None:
    elsewhere(story, "one", **FIRST, remoteUfrag="B", signaling="have-local-offer", **CONNECTED)
    elsewhere(story, "two", 2, localUfrag="B", remoteUfrag="A", **CONNECTED)


@pytest.mark.parametrize("state", [{"connection": "connecting"}, FAILED])
def test_a_second_answer_to_an_offer_is_no_fault_of_the_network(story: Story, state: dict[str, str]) -> None:
    two_pages_connect(story)
    elsewhere(story, "three", 3, remoteUfrag="A", signaling="have-remote-offer")
    elsewhere(story, "three", 3, localUfrag="C", remoteUfrag="A", signaling="stable", **state)
    one_and_two, one_and_three = story.waits(60).verdicts()
    assert one_and_two.finding.reason is Reason.CONNECTED
    assert one_and_three.finding.reason is Reason.SHARED_CONNECTION
    assert one_and_three.sentence == (
        "page one and page three: page three has received an offer of an RTCPeerConnection that page one already uses "
        "for another connection"
    )


def test_an_answer_with_an_rtcpeerconnection_that_has_another_end_is_named(story: Story) -> None:
    two_pages_connect(story)
    elsewhere(story, "three", 3, localUfrag="C", signaling="have-local-offer")
    elsewhere(story, "one", **FIRST, remoteUfrag="C", signaling="have-remote-offer")
    sentences = {verdict.finding.reason: verdict.finding.sentence for verdict in story.waits(60).verdicts()}
    assert sentences[Reason.SHARED_CONNECTION] == (
        "page three has sent an offer to an RTCPeerConnection that page one already uses for another connection"
    )


def test_the_two_ends_of_a_shared_rtcpeerconnection_have_time_to_connect(story: Story) -> None:
    two_pages_connect(story)
    elsewhere(story, "three", 3, localUfrag="C", remoteUfrag="A", connection="connecting")
    assert story.waits(1).verdicts()[-1].finding.reason is Reason.IN_PROGRESS


@pytest.mark.parametrize(("state", "reason"), [(CONNECTED, Reason.CONNECTED), (FAILED, Reason.ICE_FAILED)])
def test_a_page_may_use_its_rtcpeerconnection_again_after_a_reload_of_the_other(
    story: Story, state: dict[str, str], reason: Reason
) -> None:
    two_pages_connect(story)
    story.record("connection.closed", room=None, connection=2, data={"ending": "unloaded", "by": "peer"})
    elsewhere(story, "three", 3, localUfrag="C", remoteUfrag="A", connection="new")
    elsewhere(story, "one", **FIRST, remoteUfrag="C", connection="connecting")
    elsewhere(story, "three", 3, localUfrag="C", remoteUfrag="A", **state)
    verdict = story.waits(60).verdicts()[-1]
    assert verdict.finding.reason is reason
    assert verdict.sentence.startswith("page one and page three: ")


def test_a_page_that_has_called_itself_is_no_second_page(story: Story) -> None:
    elsewhere(story, "one", pc="a", localUfrag="A", signaling="have-local-offer")
    elsewhere(story, "one", pc="b", localUfrag="B", remoteUfrag="A", connection="new")
    verdict = story.waits(60).verdict()
    assert (verdict.sentence, verdict.next_step) == (
        "page one and page one (same page): the offer of page one has reached page one (same page), and no answer has "
        "come back",
        SAME_PAGE,
    )


def test_two_connected_rtcpeerconnections_of_one_page_are_no_fault(story: Story) -> None:
    elsewhere(story, "one", pc="a", localUfrag="A", remoteUfrag="B", **CONNECTED)
    elsewhere(story, "one", pc="b", localUfrag="B", remoteUfrag="A", **CONNECTED)
    verdict = story.waits(60).verdict()
    assert (verdict.sentence, verdict.next_step) == ("page one and page one (same page): connected", None)


@pytest.mark.parametrize(("after_s", "reasons"), [(1, []), (60, [Reason.OFFER_NOT_RECEIVED])])
def test_an_offer_that_its_page_soon_gave_up_for_another_is_no_fault(
    story: Story, after_s: float, reasons: list[Reason]
) -> None:
    """In React's StrictMode, the clean-up of an effect closes the first RTCPeerConnection of a page at once."""
    elsewhere(story, "one", pc="0", localUfrag="0", signaling="have-local-offer")
    elsewhere(story.waits(after_s), "one", pc="0", event="closed", connection="closed")
    two_pages_connect(story)
    assert [verdict.finding.reason for verdict in story.waits(60).verdicts()] == [Reason.CONNECTED, *reasons]


def test_an_offer_that_its_page_gave_up_without_another_is_reported(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", signaling="have-local-offer")
    elsewhere(story.waits(1), "one", event="closed", connection="closed")
    assert story.waits(60).verdict().finding.reason is Reason.OFFER_NOT_RECEIVED


def test_a_page_that_repeats_its_offer_until_somebody_answers_is_reported(story: Story) -> None:
    for name in ("A", "B", "C"):
        elsewhere(story, "one", pc=name, localUfrag=name, signaling="have-local-offer")
        elsewhere(story.waits(3), "one", pc=name, event="closed", connection="closed")
    elsewhere(story, "one", pc="D", localUfrag="D", signaling="have-local-offer")
    assert story.verdict().finding.sentence.startswith("4 offers of page one have not been answered")


def test_an_unreachable_unknown_peer_may_be_a_media_server(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", remoteUfrag="S", **FAILED)
    step = story.waits(60).verdict().next_step or ""
    assert step.startswith("if the other side is a media server, check that it runs")


def test_pages_that_make_no_offer_are_counted_if_nobody_has_met(story: Story) -> None:
    elsewhere(story, "one", connection="new")
    elsewhere(story, "two", 2, connection="new")
    elsewhere(story, "three", 3, connection="new")
    elsewhere(story, "three", 3, event="closed", connection="closed")
    assert str(diagnose(read_entries([story.write()]))).splitlines() == [
        "no two peers have met in a room",
        "  - no offer was made or received by 2 pages with an RTCPeerConnection",
        "      → look at the console of each page: it must reach its signaling server, which tells it whom to send an "
        "offer",
    ]


def test_a_page_that_waits_for_another_offer_is_not_counted_beside_a_pair(story: Story) -> None:
    two_pages_connect(story)
    elsewhere(story, "three", 3, connection="new")
    assert len(str(diagnose(read_entries([story.write()]))).splitlines()) == 2


def test_an_answer_that_the_other_page_has_not_set_is_named(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", signaling="have-local-offer")
    elsewhere(story, "two", 2, remoteUfrag="A", signaling="have-remote-offer")
    elsewhere(story, "two", 2, localUfrag="B", remoteUfrag="A", signaling="stable", connection="new")
    elsewhere(story, "one", event="error", operation="setRemoteDescription", name="InvalidStateError")
    verdict = story.waits(60).verdict()
    assert verdict.finding.reason is Reason.ANSWER_NOT_RECEIVED
    assert (
        verdict.finding.sentence == "page two has made an answer to the offer of page one, and page one has not set it"
    )
    assert verdict.notes == ("setRemoteDescription() has failed (InvalidStateError) in the page of page one",)


def test_an_offer_that_the_browser_of_the_other_page_refuses_has_reached_that_page(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", signaling="have-local-offer")
    elsewhere(story, "two", 2, event="error", operation="setRemoteDescription", name="OperationError")
    verdict = story.waits(60).verdict()
    assert (verdict.finding.reason, verdict.sentence, verdict.notes) == (
        Reason.OFFER_UNANSWERED,
        "page one and page two: the offer of page one has reached page two, and no answer has come back",
        ("setRemoteDescription() has failed (OperationError) in the page of page two",),
    )


def test_a_browser_that_refuses_the_certificate_of_the_other_one_was_never_connected(story: Story) -> None:
    """The other browser is connected for an instant, because it has verified the certificate that it got."""
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", ice="connected", dtls="failed", connection="failed")
    elsewhere(
        story, "two", 2, localUfrag="B", remoteUfrag="A", ice="connected", dtls="connected", connection="connected"
    )
    elsewhere(story, "two", 2, localUfrag="B", remoteUfrag="A", ice="connected", dtls="failed", connection="failed")
    assert story.waits(60).verdict().finding.reason is Reason.DTLS_FAILED


@pytest.mark.parametrize(("apart_s", "reasons"), [(1, [Reason.GLARE]), (60, [Reason.OFFER_NOT_RECEIVED] * 2)])
def test_two_unanswered_offers_at_the_same_time_are_glare(story: Story, apart_s: float, reasons: list[Reason]) -> None:
    elsewhere(story, "one", localUfrag="A", signaling="have-local-offer")
    elsewhere(story.waits(apart_s), "two", 2, localUfrag="B", signaling="have-local-offer")
    verdicts = story.waits(60).verdicts()
    assert [verdict.finding.reason for verdict in verdicts] == reasons


def test_two_offers_that_have_just_been_made_may_still_be_answered(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", signaling="have-local-offer")
    elsewhere(story, "two", 2, localUfrag="B", signaling="have-local-offer")
    assert story.waits(1).verdict().finding.reason is Reason.IN_PROGRESS
