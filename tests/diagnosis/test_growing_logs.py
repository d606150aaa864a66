"""A log that grows has the same diagnosis whether it is read anew each time or its reader goes on from where it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling_sidecar.diagnosis import (
    Entry,
    FoundMeetings,
    KeptVerdicts,
    MeetingFinder,
    Reason,
    find_meetings,
    judge,
    read_entries,
    why,
)
from tests.kit.diagnosis_log import Story, candidate, sdp
from tests.kit.inspection_log import T0_S

PEERS = st.sampled_from(["ann", "ben", "ann", "ben", "dan"])
UFRAGS = ["ann1", "ben1", "dan1"]
ROOMS = st.sampled_from([("rooms", "bar")] * 8 + [("rooms", "pub"), ("mesh", "bar")])
KINDS = st.sampled_from(["offer", "answer", "candidate", "signal", "leave", "hello", None])
CODES = st.sampled_from(["unknown-type", "room-full", "too-fast", "no-such-peer", "not-joined"])
PARTS = ["peer", "signal", "signal", "signal", "trace", "trace", "refused", "room", "socket", "checkpoint"]
MAX_EXAMPLES = 60  # most records in an arbitrary log have nothing to do with each other
SEALED = "U2FsdGVkX1+vupppZksvRf5pq5g5XjFRlipRkwB0K1Y="


def frames(kind: str | None, ufrag: str) -> st.SearchStrategy[dict[str, Any]]:
    described = {"type": kind, "sdp": sdp(ufrag, candidate("10.0.0.1"))}
    named = {"type": kind, "candidate": {"candidate": f"{candidate('10.0.0.2')} ufrag {ufrag}"}}
    return st.sampled_from([described, named, {"type": kind, "data": SEALED}, {"type": kind}])


def reports(peer: str) -> st.SearchStrategy[dict[str, Any]]:
    page = f"page-{peer}"
    about_page = {"event": "page", "page": page, "title": st.sampled_from(["Shop", "Chat"]), "secure": st.booleans()}
    about_connection = {
        "event": st.sampled_from(["state", "closed"]),
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
    """One record without its number and time. Each peer has one session in each room, until it joins once more."""
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
    for peer in ("ann", "ben")
]


@st.composite
def logs(draw: st.DrawFn) -> list[Entry]:
    entries, ts = [], T0_S
    for seq, record in enumerate([*BEGINNING, *draw(st.lists(records(), min_size=10, max_size=25))], 1):
        ts += draw(st.sampled_from([0.0, 0.1, 0.5, 1.0, 6.0]))
        entries.append(Entry(v=1, seq=seq, ts=ts, boot="b00t", **{**record, "data": json.dumps(record["data"])}))
    return entries


def told(found: FoundMeetings, now_ts: float, keep: KeptVerdicts | None = None) -> Sequence[object]:
    """Everything that a diagnosis tells its readers."""
    diagnosis = judge(found, now_ts) if keep is None else judge(found, now_ts, evaluate=keep.evaluate)
    verdicts = [(each.meeting.met.seq, each.finding, each.signaling, each.notes) for each in diagnosis.verdicts]
    labels = {key: [labels.of(peer) for peer in ("ann", "ben", "dan")] for key, labels in found.labels.items()}
    return [msgspec.to_builtins(why(diagnosis)), str(diagnosis), verdicts, labels, found.last_ts]


def goes_on_equally(log: Sequence[Entry], at_once: int = 1) -> None:
    finder, keep = MeetingFinder(), KeptVerdicts()
    for index, entry in enumerate(log):
        finder.take(entry)
        if index % at_once == 0:
            assert told(finder.found(), entry.ts, keep) == told(find_meetings(log[: index + 1]), entry.ts)


@settings(max_examples=MAX_EXAMPLES)
@given(logs(), st.integers(1, 3))
def test_going_on_gives_the_same_diagnosis_as_reading_all_again(log: list[Entry], at_once: int) -> None:
    goes_on_equally(log, at_once)


def test_a_refused_frame_counts_as_soon_as_another_pair_shows_that_its_kind_is_a_signal(story: Story) -> None:
    story.joins("ben", "Ben").joins("dan", "Dan").describes("ben", "offer").is_refused("ann", "hello", "too-large")
    before = list(read_entries([story.write()]))
    after = list(read_entries([story.record("signal.relayed", "dan", to="ben", kind="hello", data={}).write()]))
    for log, reason in ((before, Reason.IN_PROGRESS), (after, Reason.REFUSED)):
        assert judge(find_meetings(log)).verdicts[0].finding.reason is reason
    goes_on_equally(after)


@settings(max_examples=MAX_EXAMPLES)
@given(logs(), st.lists(st.sampled_from([0.1, 1.0, 4.0, 6.0, 16.0]), max_size=6))
def test_a_verdict_is_kept_until_the_time_at_which_it_may_change(log: list[Entry], steps_s: list[float]) -> None:
    found, keep = find_meetings(log), KeptVerdicts()
    now_ts = log[-1].ts
    for step_s in steps_s:
        before = judge(found, now_ts, evaluate=keep.evaluate)
        changes_ts = min((each.changes_ts for each in before.verdicts), default=now_ts)
        now_ts += step_s
        assert told(found, now_ts, keep) == told(find_meetings(log), now_ts)
        if now_ts < changes_ts:
            assert why(judge(found, now_ts)) == why(before)
