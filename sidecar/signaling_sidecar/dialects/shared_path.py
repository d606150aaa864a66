"""`/ws`, the path that several original servers use: the query, or else the first frame, tells the dialects apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from signaling_sidecar.dialects.port import Dialect

SHARED_PATH = "/ws"


def by_query(dialects: Iterable[Dialect], query: Mapping[str, str]) -> Dialect | None:
    """Return the dialect that the query chooses, whatever the first frame will be."""
    return next((dialect for dialect in dialects if dialect.query_chooses and dialect.query in query), None)


def by_first_frame(dialects: Iterable[Dialect], frame: bytes) -> Dialect | None:
    """Return the dialect whose clients begin with such a text frame, or None when no dialect's clients do."""
    return next((each for each in dialects if each.first_frames and each.kind_of(frame) in each.first_frames), None)
