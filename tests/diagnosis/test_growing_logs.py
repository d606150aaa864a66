"""The diagnosis of a growing log is the same whether only its new records are read, or all of them again.

`conftest.py` checks this with the log of every other test of this folder, too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling_sidecar.analysis.log_window import Logged
from signaling_sidecar.diagnosis import Reason, diagnose, read_entries
from signaling_sidecar.inspection import open_log
from tests.kit.checkout import ROOT
from tests.kit.diagnosis_log import CONNECTED, Story, candidate, elsewhere, pages, sdp
from tests.kit.growing_log import assert_same_while_it_grows, read_log
from tests.kit.inspection_log import T0_S, record

RECORDED = sorted([*ROOT.glob("notebooks/recorded/*"), *ROOT.glob("tests/recorded/*")])
MAX_LOOKS = 25  # a long log is read in about this many steps, and from its beginning after each step
HEX_1, HEX_2 = "6b015d57c542690011aabbcc", "6b015d57c542690011aabbcd"  # random ids: their labels are page titles

PEERS = st.sampled_from([HEX_1, HEX_2, HEX_1, HEX_2, "dan"])
UFRAGS = [f"{HEX_1}1", f"{HEX_2}1", "dan1"]
ROOMS = st.sampled_from([("rooms", "bar")] * 8 + [("rooms", "pub"), ("mesh", "bar")])
KINDS = st.sampled_from(["offer", "answer", "candidate", "signal", "leave", "hello", None])
CODES = st.sampled_from(["unknown-type", "room-full", "too-fast", "no-such-peer", "not-joined"])
PARTS = ["peer", "signal", "signal", "signal", "trace", "trace", "refused", "room", "socket", "checkpoint", "gap"]
SEALED = "U2FsdGVkX1+vupppZksvRf5pq5g5XjFRlipRkwB0K1Y="


def frames(kind: str | None, ufrag: str) -> st.SearchStrategy[dict[str, Any]]:
    described = {"type": kind, "sdp": sdp(ufrag, candidate("10.0.0.1"))}
    named = {"type": kind, "candidate": {"candidate": f"{candidate('10.0.0.2')} ufrag {ufrag}"}}
    return st.sampled_from([described, named, {"type": kind, "data": SEALED}, {"type": kind}])


def reports(peer: str) -> st.SearchStrategy[dict[str, Any]]:
    page = f"page-{peer}"
    about_page = {"event": "page", "page": page, "title": st.sampled_from(["Shop", "Chat"]), "secure": st.booleans()}
    about_connection = {
        "event": st.sampled_from(["state", "closed", "stats"]),
        "page": page,
        "pc": st.sampled_from([f"{page}-1"] * 3 + [f"{page}-2"]),
        "peerId": PEERS | st.none(),
        "localUfrag": st.sampled_from([None, f"{peer}1", f"{peer}2"]),
        "remoteUfrag": st.sampled_from([None, *UFRAGS]),
        "connection": st.sampled_from([None, "connecting", "connected", "failed"]),
        "signaling": st.sampled_from([None, "have-local-offer", "stable"]),
    }
    return st.one_of(
        *(
            st.fixed_dictionaries(
                {name: v if isinstance(v, st.SearchStrategy) else st.just(v) for name, v in each.items()}
            )
            for each in (about_page, about_connection)
        )
    )


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """One random record, without number and time. Each peer has one session in each room, until it joins again."""
    (dialect, room), peer, kind = draw(ROOMS), draw(PEERS), draw(KINDS)
    session = f"{dialect}-{room}-{peer}-{draw(st.sampled_from([1] * 15 + [2]))}"
    own = {"dialect": dialect, "room": room, "peer": peer, "session": session, "connection": draw(st.integers(1, 3))}
    to = draw(st.none() | PEERS)
    match draw(st.sampled_from(PARTS)):
        case "peer":
            type_ = draw(st.sampled_from(["joined", "joined", "resumed", "updated", "away", "left"]))
            data = {
                "name": draw(st.sampled_from(["Ann", "Guest", None])),
                "ending": draw(st.sampled_from(["unloaded", "lost"])),
                "instance": draw(st.sampled_from([None, f"page-{peer}"])),
            }
            return {**own, "type": f"peer.{type_}", "data": data}
        case "signal":
            type_ = draw(st.sampled_from(["signal.relayed", "signal.relayed", "signal.kept"]))
            return {
                **own,
                "type": type_,
                "to": to,
                "kind": kind,
                "data": draw(frames(kind, f"{peer}{draw(st.sampled_from([1, 1, 2]))}")),
            }
        case "refused":
            data = {"code": draw(CODES), "message": "no", "count": 1}
            is_member = draw(st.sampled_from([True, True, True, False]))
            session_ = session if is_member else None
            return {**own, "session": session_, "type": "signal.refused", "to": to, "kind": kind, "data": data}
        case "trace":
            is_member = draw(st.sampled_from([True, True, True, False]))
            where = own if is_member else {"connection": own["connection"]}
            return {**where, "type": "trace.state", "kind": "trace", "data": draw(reports(peer))}
        case "room":
            data = {"announced": draw(st.booleans())}
            return {
                "dialect": dialect,
                "room": room,
                "type": draw(st.sampled_from(["room.created", "room.ended"])),
                "data": data,
            }
        case "socket":
            closed = {
                "by": draw(st.sampled_from(["peer", "sidecar"])),
                "ending": "closed",
                "code": 1009,
                "reason": "big",
            }
            opened = {"origin": draw(st.sampled_from(["http://10.0.0.7:5173", "https://a.example"]))}
            type_, data = draw(st.sampled_from([("connection.opened", opened), ("connection.closed", closed)]))
            return {**draw(st.sampled_from([own, {"connection": own["connection"]}])), "type": type_, "data": data}
        case "gap":
            return {"type": "log.gap", "data": {"lost": 7}}
        case _:
            sessions = [{"session": session, "peer": peer, "name": "Ann"}]
            return {
                "type": "log.checkpoint",
                "data": {"rooms": [{"dialect": dialect, "room": room, "sessions": sessions}]},
            }


BEGINNING = [
    {
        "dialect": "rooms",
        "room": "bar",
        "peer": peer,
        "session": f"rooms-bar-{peer}-1",
        "type": "peer.joined",
        "data": {},
    }
    for peer in (HEX_1, HEX_2)
]


@st.composite
def logs(draw: st.DrawFn) -> list[Logged]:
    entries, ts = [], T0_S
    for seq, fields in enumerate([*BEGINNING, *draw(st.lists(records(), min_size=10, max_size=25))], 1):
        ts += draw(st.sampled_from([0.0, 0.1, 0.5, 1.0, 6.0]))
        entries.append(Logged(v=1, seq=seq, ts=ts, boot="b00t", **{**fields, "data": json.dumps(fields["data"])}))
    return entries


@pytest.mark.fuzz
@given(logs())
def test_an_arbitrary_log_has_the_same_diagnosis_while_it_grows(log: list[Logged]) -> None:
    assert_same_while_it_grows(log)


@pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
def test_a_log_of_real_browsers_has_the_same_diagnosis_while_it_grows(folder: Path) -> None:
    log = read_log(sorted(folder.glob("events-*.jsonl")))
    assert_same_while_it_grows(log, at_once=max(1, len(log) // MAX_LOOKS))


def test_a_refused_frame_counts_as_soon_as_another_pair_shows_that_its_kind_is_a_signal(story: Story) -> None:
    story.joins("ben", "Ben").joins("dan", "Dan").describes("ben", "offer").is_refused("ann", "hello", "too-large")
    assert story.waits(60).verdicts()[0].finding.reason is Reason.OFFER_UNANSWERED
    story.record("signal.relayed", "dan", to="ben", kind="hello", data={})
    assert story.verdicts()[0].finding.reason is Reason.REFUSED


def test_a_connection_goes_to_the_peer_that_has_answered_with_its_ufrag(story: Story) -> None:
    """Until an answer contains the ufrag of the connection, each peer that has the offer may have reported it."""
    story.joins(HEX_1).joins(HEX_2).record("signal.relayed", "ann", kind="offer", data={"sdp": sdp("ANNu")})
    pages(story, ("one", "Chess", "/"))
    elsewhere(story, "one", remoteUfrag="ANNu", **CONNECTED)
    waiting = "Ann and tab 1: Ann has sent an offer, and tab 1 may still answer"
    assert [each.sentence for each in story.verdicts()[:2]] == [waiting, "Ann and Chess: connected"]
    elsewhere(story.describes(HEX_1, "answer", ufrag="HEXu"), "one", localUfrag="HEXu", **CONNECTED)
    assert [each.sentence for each in story.verdicts()[:2]] == ["Ann and Chess: connected", waiting]


def test_a_connection_that_was_closed_before_it_was_established_has_a_deadline_too(story: Story) -> None:
    story.negotiates().reports("ann", peerId="ben", connection="connecting")
    story.reports("ann", "closed", peerId="ben", connection="closed")
    assert story.verdict().finding.reason is Reason.IN_PROGRESS
    assert story.waits(20).verdict().finding.reason is Reason.ICE_FAILED


def test_a_page_belongs_to_the_room_in_which_its_offer_was_sent_last(story: Story) -> None:
    story.joins(HEX_1).describes(HEX_1, "offer", ufrag="HEXu")
    pages(story, ("one", "Chess", "/"))
    elsewhere(story, "one", localUfrag="HEXu")
    assert story.verdict().sentence.startswith("Ann and Chess: ")
    for peer in ("ann", HEX_1):
        story.record("peer.joined", peer, room="pub", session=f"pub-{peer}", data={})
    story.record("signal.relayed", HEX_1, room="pub", session=f"pub-{HEX_1}", kind="offer", data={"sdp": sdp("HEXu")})
    assert [each.sentence.split(":")[0] for each in story.verdicts()] == ["Ann and tab 1", "ann and Chess"]


def test_a_page_that_was_reloaded_is_recognised_as_soon_as_it_has_reported_its_title(story: Story) -> None:
    for peer in (HEX_1, HEX_2):
        story.joins(peer).reports(peer, "page", pc=None, title="Chess").leaves(peer)
    (pair,) = diagnose(read_entries([story.write()])).histories
    assert pair.last.sentence.startswith("Ann and Chess: ")
    assert len(pair.earlier) == 1


def test_a_page_may_join_anew_in_the_same_moment_in_which_its_former_session_ends(story: Story) -> None:
    story.joins(HEX_1, "Guest").joins(HEX_2, "Guest")
    assert story.verdicts()[1].sentence.startswith("Ann and Guest (2): ")
    story.at_s -= 0.5
    assert story.leaves(HEX_1).verdicts()[1].sentence.startswith("Ann and Guest: ")


def test_another_host_has_to_connect_to_those_that_the_first_one_left_alone(story: Story) -> None:
    story.joins("ben", "Ben").joins("cleo", "Cleo").record("room.updated", data={"host": "ann"}).waits(60)
    for host, must_connect in (("ann", [True, True, False]), ("ben", [True, False, True])):
        verdicts = diagnose(read_entries([story.record("room.updated", data={"host": host}).write()])).verdicts
        assert [each.must_connect for each in verdicts] == must_connect


def test_a_host_that_has_left_had_to_connect_to_everybody(story: Story) -> None:
    """A host that reloads its page may return with another peer id, and to another room with the same id."""
    story.record("room.updated", data={"host": "ann"}).joins("ben", "Ben").joins("cleo", "Cleo").waits(60)
    story.leaves("ann").record("room.updated", data={"host": "cleo"}).leaves("ben").leaves("cleo")
    story.joins("dan").record("room.updated", data={"host": "dan"})
    verdicts = diagnose(read_entries([story.write()])).verdicts
    assert [(each.must_connect, each.finding.sentence) for each in verdicts] == [
        (True, "neither has sent an offer")
    ] * 3


def test_a_peer_that_was_not_admitted_is_told_by_its_name_when_it_has_joined(story: Story) -> None:
    refused = {"code": "room-full", "message": "because"}
    story.add(
        record(3, story.at_s, "signal.refused", dialect="rooms", room="bar", peer="ben", kind="join", data=refused)
    )
    assert "ben was not admitted to bar" in str(diagnose(read_entries([story.write()])))
    assert "Ben was not admitted to bar" in str(diagnose(read_entries([story.joins("ben", "Ben").write()])))


def test_a_peer_that_has_never_been_in_the_room_is_told_by_the_name_that_it_asked_to_join_with(story: Story) -> None:
    refused = {"code": "room-full", "message": "because", "name": "Ben"}
    story.add(
        record(3, story.at_s, "signal.refused", dialect="rooms", room="bar", peer="ben", kind="join", data=refused)
    )
    log = story.write()
    assert "Ben was not admitted to bar: room-full" in str(diagnose(read_entries([log])))
    assert "Ben: join ✗ room-full" in str(open_log(log).ladder("bar"))


def test_the_report_of_an_insecure_page_counts_although_the_time_for_an_offer_is_over(story: Story) -> None:
    assert story.joins("ben", "Ben").waits(60).verdict().finding.reason is Reason.NOBODY_OFFERED
    assert story.reports("ben", "page", pc=None, secure=False).verdict().finding.reason is Reason.INSECURE_PAGE


def test_a_log_of_another_program_may_show_a_peer_again_after_it_has_left(story: Story) -> None:
    ended = {"code": 4401, "by": "sidecar", "ending": "lost", "reason": "token expired"}
    story.joins("ben", "Ben").record("connection.closed", "ben", connection=3, data=ended)
    story.record("peer.left", "ben", connection=3, data={"ending": "lost"})
    assert story.verdict().finding.sentence.startswith("Ben was disconnected because its token had expired before")
    story.record("peer.resumed", "ben", connection=4, data={})
    assert story.verdict().finding.sentence.startswith("Ben lost its connection to the sidecar before")
