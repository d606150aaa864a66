"""The table of pairs: every two sessions that met, and whether they are connected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from signaling_sidecar.diagnosis import Verdict
from signaling_sidecar.eventlog.payload import Candidate
from signaling_sidecar.inspection.tables.common_categories import with_common_categories, with_text_categories
from signaling_sidecar.inspection.tables.text_dtype import TEXT
from signaling_sidecar.inspection.tables.utc_times import utc_times

_TIMES = ("met", "offer", "answer", "candidate", "connected")
_COUNTS = ("offers", "offers_back", "answers", "answers_back", "candidates", "candidates_back")
_CATEGORIES = ("dialect", "room", "peer", "other", "offered", "session", "other_session", "boot")
_TEXTS = ("name", "other_name", "types", "types_back", "signaling", "reason", "sentence")
_COLUMNS = [
    *("dialect", "room", "peer", "other", "name", "other_name", "met", "offered", *_COUNTS),
    *("types", "types_back", "offer", "answer", "candidate", "connected", "signaling", "reason", "sentence"),
    *("session", "other_session", "boot"),
]


def pairs_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Make the table that `EventLog.pairs` documents."""
    rows = [tuple(_row(verdict).values()) for verdict in verdicts]  # a tuple takes a fifth of the memory of a dict
    table = pd.DataFrame(rows, columns=_COLUMNS)
    for name in _TIMES:
        table[name] = utc_times(table[name])
    table = table.astype(
        dict.fromkeys(_CATEGORIES, "category") | dict.fromkeys(_COUNTS, "int64") | dict.fromkeys(_TEXTS, TEXT)
    )
    table = with_common_categories(with_text_categories(table), "peer", "other", "offered")
    return with_common_categories(table, "session", "other_session")


def _row(verdict: Verdict) -> dict[str, object]:
    meeting, attempt = verdict.meeting, verdict.attempt
    first, second = meeting.sessions
    offers, answers = attempt.offers, attempt.answers
    candidates = attempt.candidates
    descriptions = [(signal.sender, signal.what) for signal in (*offers, *answers)]
    return {
        "dialect": meeting.dialect,
        "room": meeting.room,
        "peer": first.peer,
        "other": second.peer,
        "name": first.name,
        "other_name": second.name,
        "met": meeting.met.ts,
        "offered": meeting.sessions[offers[0].sender].peer if offers else None,
        "offers": descriptions.count((0, "offer")),
        "offers_back": descriptions.count((1, "offer")),
        "answers": descriptions.count((0, "answer")),
        "answers_back": descriptions.count((1, "answer")),
        "candidates": len(candidates[0]),
        "candidates_back": len(candidates[1]),
        "types": _types(candidates[0]),
        "types_back": _types(candidates[1]),
        "offer": _first([signal.entry.ts for signal in offers]),
        "answer": _first([signal.entry.ts for signal in answers]),
        "candidate": _first([signal.entry.ts for signal in attempt.with_candidates]),
        "connected": _first(
            entry.ts for connection in verdict.connections for entry in connection.when("connection", "connected")
        ),
        "signaling": str(verdict.signaling.reason),
        "reason": str(verdict.finding.reason),
        "sentence": verdict.sentence,
        "session": first.id,
        "other_session": second.id,
        "boot": meeting.met.boot,
    }


def _types(candidates: Sequence[Candidate]) -> str | None:
    return " ".join(dict.fromkeys(candidate.type for candidate in candidates)) or None


def _first(times: Iterable[float]) -> float | None:
    return min(times, default=None)
