"""The diagnosis prints one line for each pair, with distinguishable names, even if the two peers were in a room
together several times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.diagnosis import Diagnosis, Reason, diagnose, read_entries
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.inspection import open_log
from tests.kit.diagnosis_log import CONNECTED, FAILED, Story, by_socket, elsewhere, pages
from tests.kit.inspection_log import header, record, write_segment
from tests.kit.shared_copy import shared_copy

HEX_1, HEX_2, HEX_3 = "6b015d57c542690011aabbcc", "6b015d57c542690011aabbcd", "6b015d57c542690011aabbce"
BAR = {"dialect": "rooms", "room": "bar"}


def said(story: Story) -> list[str]:
    return [line for line in str(diagnosis(story)).splitlines() if not line.startswith("      ")]


def diagnosis(story: Story) -> Diagnosis:
    return diagnose(read_entries([story.write()]), story.now_ts)


# --- who meets again ------------------------------------------------------------------------------------------------


def again(story: Story, peer: str = "ben", ufrag: str = "BEN2") -> Story:
    story.joins(peer, peer.title()).sends(peer, "offer", to="ann", sdp=f"v=0\r\na=ice-ufrag:{ufrag}\r\n")
    return story.reports(peer, pc=ufrag, peerId="ann", localUfrag=ufrag, **CONNECTED)


def test_a_pair_is_listed_once_although_one_page_was_reloaded(story: Story) -> None:
    again(story.negotiates().leaves("ben")).waits(60)
    lines = str(diagnosis(story)).splitlines()
    assert lines[1:] == ["  ✓ Ann and Ben: connected", "      they had met once before: transport-unknown"]


def test_pairs_without_an_offer_are_summarised_if_there_are_many(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    """There can be many such pairs: in a room with a host, the guests do not connect to each other."""
    story.negotiates()
    for peer in ("cleo", "dan", "eve"):
        story.joins(peer, peer.title())
    lines = said(story.waits(60))
    assert [line[:3] for line in lines[1:]] == ["  ?", "  -", "  -"]
    assert lines[-2:] == [
        "  - Ann and Cleo: neither has sent an offer",
        "  - 8 more pairs of peers: neither has sent an offer",
    ]
    from signaling_sidecar.cli import main

    assert main(["why", "--json", "--log", str(story.write())]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 10


def test_peers_that_are_still_together_come_first_and_one_that_has_left_is_no_fault(story: Story) -> None:
    story.joins("cleo", "Cleo").leaves("cleo").negotiates().reports("ann", peerId="ben", **CONNECTED)
    assert said(story)[1:] == ["  ✓ Ann and Ben: connected", "  ? Ann and Cleo: Cleo left before they were connected"]


def test_pairs_that_have_only_just_met_are_summarised_if_there_are_many(story: Story) -> None:
    for number in range(4):
        story.joins(f"p{number}")
    lines = str(diagnosis(story)).splitlines()
    assert [line for line in lines if "only just met" in line] == [
        "  … Ann and p0: they have only just met",
        "  … 9 more pairs of peers: they have only just met (Ann and p1; p0 and p1; Ann and p2; p0 and p2; p1 and p2; "
        "Ann and p3; p0 and p3; p1 and p3; p2 and p3)",
    ]
    assert len(lines) == 5


def test_many_pairs_with_the_same_fault_are_summarised_and_named(story: Story) -> None:
    for number in range(20):
        story.joins(f"p{number}")
    for number in range(20):
        story.describes(f"p{number}", "offer", ufrag=f"u{number}")
    faults = [line for line in said(story.waits(60)) if line.startswith("  ✗")]
    assert faults[0] == "  ✗ Ann and p0: Ann has not answered the offer of p0"
    assert faults[1].startswith(
        "  ✗ 19 more pairs of peers: the offer was relayed, and no answer came back (Ann and p1; Ann and p2; "
    )
    assert faults[1].endswith("Ann and p12; and 7 more)")
    assert len(faults) == 2


def test_many_pairs_that_were_connected_are_summarised_apart_from_those_that_are(story: Story) -> None:
    for number in range(9):
        peer = f"p{number}"
        story.joins(peer).describes(peer, "offer", ufrag=peer)
        story.reports("ann", pc=peer, peerId=peer, **CONNECTED)
        if number > 0:
            story.leaves(peer)
    assert [line for line in said(story) if line.startswith("  ✓")] == [
        "  ✓ Ann and p0: connected",
        "  ✓ Ann and p1: they were connected when p1 left",
        "  ✓ 7 more pairs of peers: a browser has reported that they are connected, or were",
    ]


def test_up_to_six_pairs_with_the_same_verdict_are_listed(story: Story) -> None:
    for number in range(6):
        story.joins(f"p{number}").describes(f"p{number}", "offer", ufrag=f"u{number}")
    faults = [line for line in said(story.waits(60)) if line.startswith("  ✗")]
    assert len(faults) == 6
    assert all("has not answered the offer of" in line for line in faults)


def test_earlier_meetings_are_counted_by_reason(story: Story) -> None:
    for ufrag in ("BEN1", "BEN2", "BEN3"):
        again(story, ufrag=ufrag).leaves("ben")
    story.joins("ben", "Ben").waits(60)
    assert "they had met 3 times before: connected (3 times)" in str(diagnosis(story))
    [history] = diagnosis(story).histories
    assert (history.last.finding.reason, len(history.earlier)) == (Reason.NOBODY_OFFERED, 3)


def test_only_the_pairs_of_a_reloaded_page_have_a_history(story: Story) -> None:
    story.negotiates().joins("cleo", "Cleo").waits(60).leaves("ben").joins("ben", "Ben").waits(60)
    found = {
        tuple(session.label for session in each.last.meeting.sessions): len(each.earlier)
        for each in diagnosis(story).histories
    }
    assert found == {("Ann", "Ben"): 1, ("Ann", "Cleo"): 0, ("Cleo", "Ben"): 1}


def test_a_page_with_another_id_after_each_reload_is_recognised(story: Story) -> None:
    for peer in (HEX_1, HEX_2, HEX_3):
        story.joins(peer).waits(10).leaves(peer)
    assert said(story) == ["bar (rooms)", "  - Ann and tab 1: neither has sent an offer; tab 1 left later"]
    assert "they had met 2 times before: nobody-offered (2 times)" in str(diagnosis(story))


def test_a_peer_that_joins_long_after_another_with_the_same_name_is_a_different_peer(story: Story) -> None:
    story.joins("b1", "Ben").waits(60).leaves("b1").waits(60).joins("b2", "Ben").waits(60)
    assert [line.partition(":")[0] for line in said(story)[1:]] == ["  - Ann and Ben (2)", "  - Ann and Ben"]


def test_a_peer_that_joins_while_another_with_the_same_name_is_away_has_another_label(story: Story) -> None:
    story.joins("b1", "Ben").goes_away("b1", "lost").joins("b2", "Ben").waits(5).leaves("b1").waits(60)
    pairs = ["Ann and Ben (2)", "Ann and Ben", "Ben and Ben (2)"]
    assert [line[4:].partition(":")[0] for line in said(story)[1:]] == pairs


def test_a_page_that_makes_a_new_id_when_it_is_reloaded_keeps_its_label(story: Story) -> None:
    """The session of the unloaded page is kept for some seconds, so both sessions exist for a moment."""
    story.joins("b0", "Ben").waits(60)
    for number in range(1, 4):
        story.goes_away(f"b{number - 1}").joins(f"b{number}", "Ben").waits(5).leaves(f"b{number - 1}").waits(60)
    pairs = [line[4:].partition(":")[0] for line in said(story)[1:]]
    assert pairs[0] == "Ann and Ben"
    assert not any("(2)" in pair for pair in pairs)


def test_many_peers_with_the_same_name_have_different_labels() -> None:
    labels = PeerLabels()
    for number in range(5_000):
        labels.name(f"p{number}", 200.0 * number, "Guest")
        labels.gone(f"p{number}", 200.0 * number + 1)
    assert (labels.of("p0"), labels.of("p4999")) == ("Guest", "Guest (5000)")


def test_json_output_contains_the_history(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    from signaling_sidecar.cli import main

    again(story.negotiates().leaves("ben")).write()
    assert main(["why", "--json", "--log", str(story.write())]) == 0
    [pair] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (pair["reason"], pair["earlier"]) == ("connected", ["transport-unknown"])
    assert (pair["peers"], pair["labels"]) == (["ann", "ben"], ["Ann", "Ben"])


def test_a_connection_that_outlasts_a_session_counts_for_the_last_meeting(story: Story) -> None:
    """A page that leaves and joins again may keep its RTCPeerConnection, and restart ICE."""
    for number in range(8):
        own, other = f"ANN{number}", f"BEN{number}"
        story.joins("ben", "Ben").describes("ben", "offer", ufrag=other).describes("ann", "answer", ufrag=own)
        story.reports("ann", localUfrag=own, remoteUfrag=other, **CONNECTED).leaves("ben")
    assert story.verdicts()[-1].finding.reason is Reason.CONNECTED


def test_two_simultaneous_connections_of_two_pages_are_separate(story: Story) -> None:
    for number, state in ((1, CONNECTED), (2, FAILED)):
        elsewhere(story, "one", pc=f"one-{number}", localUfrag=f"A{number}", remoteUfrag=f"B{number}", **state)
        elsewhere(story, "two", pc=f"two-{number}", localUfrag=f"B{number}", remoteUfrag=f"A{number}", **state)
    assert [line[:3] for line in said(story)[1:]] == ["  ✓", "  ✗"]


def test_a_reloaded_page_with_another_signaling_server_is_the_same_pair(story: Story) -> None:
    pages(story, ("one", "Chess", "/"), ("two", "Chess", "/"))
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", **CONNECTED)
    elsewhere(story, "two", connection_=2, localUfrag="B", remoteUfrag="A", **CONNECTED)
    by_socket(story, "two", 2, "unloaded")
    pages(story, ("three", "Chess", "/"))
    elsewhere(story, "one", pc="pc-one-2", localUfrag="A2", remoteUfrag="C", **CONNECTED)
    elsewhere(story, "three", connection_=3, localUfrag="C", remoteUfrag="A2", **CONNECTED)
    assert said(story) == ["signaled through another server", "  ✓ Chess and Chess (tab 2): connected"]


def test_a_reloaded_page_with_a_pool_of_offers_is_the_same_pair(story: Story) -> None:
    """The reloaded page answers an offer that the other page had created long before."""
    pages(story, ("one", "Chess", "/"), ("two", "Chess", "/"), ("three", "Chess", "/"))
    pool(story, "one")
    for number, page in ((1, "two"), (2, "three")):
        pool(story, page, connection_=number + 1)
        own, other = f"one{number}", f"{page}-ufrag"
        elsewhere(story, page, number + 1, pc=f"{page}-answer", localUfrag=other, remoteUfrag=own, **CONNECTED)
        elsewhere(story, "one", pc=own, localUfrag=own, remoteUfrag=other, **CONNECTED)
        if page == "two":
            by_socket(story, page, 2, "unloaded")
    assert said(story) == [
        "signaled through another server",
        "  ✓ Chess and Chess (tab 2): connected",
        "  - Chess: 18 more offers await an answer (its library may keep a pool of offers)",
        "  - Chess (tab 2): 20 more offers await an answer (its library may keep a pool of offers)",
    ]


# --- pools of offers ------------------------------------------------------------------------------------------------


def pool(story: Story, page: str, size: int = 20, connection_: int = 1) -> None:
    for at in range(size):
        state = {"localUfrag": f"{page}{at}", "signaling": "have-local-offer"}
        elsewhere(story, page, connection_, pc=f"{page}{at}", **state)


def test_a_pool_of_unused_offers_is_not_a_fault(story: Story) -> None:
    pool(story, "one")
    pool(story, "two")
    elsewhere(story, "one", pc="one0", localUfrag="one0", remoteUfrag="B", **CONNECTED)
    elsewhere(story, "two", pc="b", localUfrag="B", remoteUfrag="one0", **CONNECTED)
    story.waits(60)
    assert [verdict.finding.reason for verdict in diagnosis(story).verdicts] == [Reason.CONNECTED]
    assert said(story) == [
        "signaled through another server",
        "  ✓ page one and page two: connected",
        "  - page one: 19 more offers await an answer (its library may keep a pool of offers)",
        "  - page two: 20 more offers await an answer (its library may keep a pool of offers)",
    ]


def test_a_pool_that_nobody_answers_is_one_line(story: Story) -> None:
    pool(story, "one")
    assert said(story.waits(60))[1:] == [
        "  ✗ page one and an unknown peer: 20 offers of page one have not been answered, and no other page has "
        "reported that it received one of them",
    ]


def test_one_unanswered_offer_beside_an_answered_one_is_a_fault(story: Story) -> None:
    pool(story, "one", size=1)
    elsewhere(story, "one", pc="a", localUfrag="A", remoteUfrag="B", **CONNECTED)
    elsewhere(story, "two", pc="b", localUfrag="B", remoteUfrag="A", **CONNECTED)
    assert {verdict.finding.reason for verdict in diagnosis(story.waits(60)).verdicts} == {
        Reason.CONNECTED,
        Reason.OFFER_NOT_RECEIVED,
    }


def test_a_missing_answer_through_another_server_is_reported_with_both_pages(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", signaling="have-local-offer")
    elsewhere(story, "two", connection="new", remoteUfrag="A", signaling="have-remote-offer")
    verdict = story.waits(60).verdict()
    assert verdict.finding.reason is Reason.OFFER_UNANSWERED
    assert verdict.finding.sentence == "the offer of page one has reached page two, and no answer has come back"


def test_a_pool_of_offers_in_a_room_is_one_attempt(story: Story) -> None:
    """The other peer answers one of the offers, and the diagnosis only considers the candidates of that offer."""
    story.joins("ben", "Ben")
    at_s = story.at_s
    for number in range(20):
        story.at_s = at_s
        story.describes("ben", "offer", ufrag=f"POOL{number}").names("ben", "10.0.0.2", ufrag=f"POOL{number}")
    story.describes("ann", "answer").names("ann", "10.0.0.1")
    for number in range(20):
        heard = {"remoteUfrag": "ANNu", **CONNECTED} if number == 7 else {"signaling": "have-local-offer"}
        story.reports("ben", pc=f"pc-{number}", peerId="ann", localUfrag=f"POOL{number}", **heard)
    verdict = story.waits(60).verdict()
    assert (verdict.signaling.reason, verdict.finding.reason) == (Reason.UNKNOWN, Reason.CONNECTED)


# --- dropped candidates ---------------------------------------------------------------------------------------------


def test_lost_candidates_of_both_pages_are_reported(story: Story) -> None:
    for page, own, other in (("one", "A", "B"), ("two", "B", "A")):
        state = {"connection": "new", "ice": "new", "hasLocal": True, "hasRemote": False}
        elsewhere(story, page, localUfrag=own, remoteUfrag=other, **state)
    verdict = story.waits(60).verdict()
    assert verdict.finding.reason is Reason.NO_CANDIDATES
    assert verdict.finding.sentence == "no candidate was signaled: neither page has added one from the other"


def test_lost_candidates_of_one_page_are_reported_with_its_name(story: Story) -> None:
    for page, own, other, has_remote in (("one", "A", "B", False), ("two", "B", "A", True)):
        elsewhere(story, page, localUfrag=own, remoteUfrag=other, hasLocal=True, hasRemote=has_remote, **FAILED)
    assert story.verdict().finding.sentence == "no candidate of page two was signaled to page one"


def test_a_browser_that_found_no_candidate_is_named(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", hasLocal=False, hasRemote=True, connection="new")
    finding = story.waits(60).verdict().finding
    assert finding.reason is Reason.NO_CANDIDATES
    assert finding.sentence == "the browser of page one found no candidate, so there was no address to signal"


def test_relayed_candidates_that_were_not_added_are_reported(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", hasLocal=True, hasRemote=False, **FAILED)
    finding = story.verdict().finding
    assert finding.reason is Reason.NO_CANDIDATES
    assert finding.sentence == "candidates of Ben were relayed, and the page of Ann has added none of them"


def test_candidates_that_were_added_late_count_as_added(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", hasRemote=False).reports("ann", peerId="ben", hasRemote=True)
    assert story.reports("ann", peerId="ben", **FAILED).verdict().finding.reason is Reason.ICE_FAILED


# --- what everybody is called ----------------------------------------------------------------------------------------


def labels(story: Story) -> list[str]:
    return [session.label for session in diagnosis(story.waits(60)).verdicts[-1].meeting.sessions]


@pytest.mark.parametrize(
    ("names", "called"),
    [
        (("Proud Parrot", "Proud Parrot"), ["Proud Parrot", "Proud Parrot (2)"]),
        (("Proud Parrot", " Proud Parrot "), ["Proud Parrot", "Proud Parrot (2)"]),
        (("Guest (2)", "Guest"), ["Guest (2)", "Guest"]),
        (("", ""), ["tab 1", "tab 2"]),
        (("  ", "tab 1"), ["tab 1", "tab 1 (2)"]),
        (("Ann", ""), ["Ann", "tab 1"]),
    ],
)
def test_no_two_peers_have_the_same_label(tmp_path: Path, names: tuple[str, str], called: list[str]) -> None:
    lines = [header("b00t")]
    for at, (peer, name) in enumerate(zip((HEX_1, HEX_2), names, strict=True), 2):
        lines.append(record(at, at, "peer.joined", **BAR, peer=peer, session=f"s-{peer}", data={"name": name}))
    path = write_segment(tmp_path / "events-b00t-0001.jsonl", [*lines, record(9, 90, "server.stopped")])
    log = open_log(path)
    assert [session.label for session in diagnose(read_entries([path])).verdicts[0].meeting.sessions] == called
    assert log.pairs["sentence"][0].startswith(f"{called[0]} and {called[1]}: ")
    assert [row.label for row in log.timeline("bar").attendance.rows] == called
    assert [node.label for node in log.mesh("bar").links.nodes] == called
    for ladder in (log.ladder("bar"), log.ladder(log.pairs.iloc[0])):
        assert [column.name for column in ladder.columns] == called


def test_a_peer_has_the_same_label_in_the_ladder_of_a_pair(story: Story) -> None:
    for peer in (HEX_1, HEX_2, HEX_3):
        story.joins(peer, "Guest")
    log = open_log(story.waits(60).leaves(HEX_3).write())
    [pair] = [row for _, row in log.pairs.iterrows() if (row["peer"], row["other"]) == (HEX_2, HEX_3)]
    ladder = log.ladder(pair)
    assert ladder.title.endswith("Guest (2) and Guest (3) · 2026-11-18, times in UTC")
    assert [column.name for column in ladder.columns] == ["Guest (2)", "Guest (3)"]


def test_the_label_of_a_peer_without_a_name_is_that_of_its_page(story: Story) -> None:
    story.joins(HEX_1).joins(HEX_2).joins(HEX_3)
    about: dict[str, Any] = {"pc": None, "secure": True}
    story.reports(HEX_1, "page", **about, title="Chess", path="/play")
    story.reports(HEX_2, "page", **about, title="Chess", path="/play")
    story.reports(HEX_3, "page", **about, path="/watch").waits(60)
    found = {session.label for verdict in diagnosis(story).verdicts for session in verdict.meeting.sessions}
    assert found == {"Ann", "Chess", "Chess (tab 2)", "page /watch"}
    assert [row.label for row in open_log(story.write()).timeline("bar").attendance.rows] == [
        *("Ann", "Chess", "Chess (tab 2)", "page /watch"),
    ]


def test_a_traced_page_is_matched_with_its_peer_by_the_ufrag(story: Story) -> None:
    """The page's reports come from a separate WebSocket that is in no room."""
    story.joins(HEX_1).sends(HEX_1, "offer", to="ann", sdp="v=0\r\na=ice-ufrag:HEXu\r\n")
    pages(story, ("one", "Chess", "/"))
    elsewhere(story, "one", localUfrag="HEXu", **CONNECTED)
    assert story.verdict().sentence == "Ann and Chess: connected"


def test_peers_that_joined_before_the_log_begins_get_labels_too(tmp_path: Path) -> None:
    lines = [header("b00t")]
    for at, (peer, to) in enumerate(((HEX_1, HEX_2), (HEX_2, HEX_1)), 2):
        frame = {"type": "signal", "to": to}
        lines.append(
            record(at, at, "signal.relayed", **BAR, peer=peer, session=f"s-{peer}", to=to, kind="signal", data=frame)
        )
    path = write_segment(tmp_path / "events-b00t-0001.jsonl", lines)
    assert str(diagnose(read_entries([path]))).splitlines()[1].startswith("  … tab 1 and tab 2: ")


@pytest.mark.parametrize("id_", ["user-1", "player12", "k3j9x0a1b"])
def test_a_short_id_is_used_as_the_label(story: Story, id_: str) -> None:
    assert labels(story.joins(id_)) == ["Ann", id_]


@pytest.mark.parametrize(
    ("id_", "label"),
    [
        ("user-1", "user-1"),
        ("quiz-host-room-0042-ann1", "quiz-host-room-0042-ann1"),
        ("quiz_host_1718000000000_x7k2p9", "Chess"),
        ("k3j9x0a1b", "Chess"),
        (HEX_1, "Chess"),
    ],
)
def test_an_id_that_the_app_chose_is_preferred_to_the_title_of_the_page(story: Story, id_: str, label: str) -> None:
    story.joins(id_).reports(id_, "page", pc=None, secure=True, title="Chess", path="/play")
    assert labels(story) == ["Ann", label]


@pytest.mark.parametrize(
    "id_", [HEX_1, "9f1c2a34-1b2c-4d5e-8f90-a1b2c3d4e5f6", "V1StGXR8_Z5jdHi6B-myT", "0123456789ABCDEF0123456789ABCDEF"]
)
def test_a_random_id_is_not_used_as_the_label(story: Story, id_: str) -> None:
    assert labels(story.joins(id_)) == ["Ann", "tab 1"]


def test_pages_with_another_signaling_server_are_labelled_with_their_titles(story: Story) -> None:
    pages(story, ("one", "Chess", "/"), ("two", "", "/board"))
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", **CONNECTED)
    elsewhere(story, "two", localUfrag="B", remoteUfrag="A", **CONNECTED)
    assert story.verdict().sentence == "Chess and page /board: connected"


def test_a_redacted_copy_contains_no_title_and_no_path(story: Story) -> None:
    pages(story, ("one", "Ann's diary", "/ann"), ("two", "Ann's diary", "/ann"))
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", **CONNECTED)
    elsewhere(story, "two", localUfrag="B", remoteUfrag="A", hasRemote=True, **CONNECTED)
    shared = shared_copy(story.write()).decode()
    assert "diary" not in shared
    assert "/ann" not in shared
    assert '\\"title\\":\\"title-1\\"' in shared
    assert '\\"hasRemote\\":true' in shared
