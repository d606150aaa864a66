"""Pages with a signaling server of their own are judged by what their browsers report, and frequent mistakes in such apps
are named."""

from __future__ import annotations

import pytest

from signaling_sidecar.diagnosis.reasons import Reason
from tests.kit.diagnosis_log import CONNECTED, FAILED, Story, elsewhere

FIRST = {"pc": "a", "localUfrag": "A"}
"""The RTCPeerConnection of page one, whose offer page two has answered."""


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
