"""Makes the messages about all rooms from the newest part of the log."""

from __future__ import annotations

from collections.abc import Iterable

from signaling_sidecar.analysis.messages import Overview, PairNow, RoomPairs
from signaling_sidecar.analysis.pairs_in_words import WORST_FIRST
from signaling_sidecar.analysis.seen import ELSEWHERE, Seen, is_together
from signaling_sidecar.diagnosis import Diagnosis, History, Reason, State, next_step, state_of

MAX_REFUSED_MEDIA = 5  # the most pages that are named because they got no camera or microphone
MAX_ELSEWHERE = 5  # the most verdicts that are shown on pages which signal through another server


def overview(seen: Seen) -> Overview:
    elsewhere = list(filter(is_together, seen.histories.get(ELSEWHERE, ())))[:MAX_ELSEWHERE]
    return Overview(
        boot=seen.boot,
        seq=seen.seq,
        changes_ts=seen.changes_ts,
        pairs=[(key, room_pairs(histories)) for key, histories in seen.histories.items()],
        logged=sorted(seen.of_room, key=lambda key: seen.of_room[key][-1].seq),
        unread=list(seen.diagnosis.unread),
        elsewhere=[(each.last.sentence, each.last.next_step) for each in elsewhere],
        reporting=frozenset(seen.reporting) | _with_connections(seen.diagnosis),
        how_to_report=next_step(Reason.UNKNOWN),
        refused_media=[(each.sentence, each.next_step) for each in seen.diagnosis.refused_media][-MAX_REFUSED_MEDIA:],
    )


def _with_connections(diagnosis: Diagnosis) -> set[str]:
    """Return the sessions whose pages have reported RTCPeerConnections."""
    return {
        session.id
        for verdict in diagnosis.verdicts
        for session, connections in zip(verdict.meeting.sessions, verdict.meeting.connections, strict=True)
        if connections
    }


def room_pairs(histories: Iterable[History]) -> RoomPairs:
    counts = dict.fromkeys(State, 0)
    sentences: dict[State, str] = {}
    for history in filter(is_together, histories):
        if not history.last.must_connect:
            continue
        state = state_of(history.last.finding.reason)
        counts[state] += 1
        sentences.setdefault(state, history.last.sentence)
    worst = next((state for state in WORST_FIRST if counts[state]), None)
    return RoomPairs({str(state): count for state, count in counts.items()}, worst, worst and sentences[worst])


def pairs_now(diagnosis: Diagnosis) -> list[PairNow]:
    return [
        PairNow(
            (verdict.meeting.dialect or "", verdict.meeting.room or ""),
            (one.id, other.id),
            (one.label, other.label),
            state_of(verdict.finding.reason),
            verdict.finding.sentence,
            verdict.next_step,
        )
        for verdict in diagnosis.verdicts
        if verdict.meeting.parted() is None
        for one, other in [verdict.meeting.sessions]
    ]
