"""Finds the dialect of a connection to `/ws`, which is the path of several dialects' original servers.

The query of the URL shows the dialect, or else the first frame does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from signaling_sidecar.dialects.port import Dialect

SHARED_PATH = "/ws"


def by_query(dialects: Iterable[Dialect], query: Mapping[str, str]) -> Dialect | None:
    """Return the dialect that a parameter of the query shows, or None if the first frame must show it."""
    return next((dialect for dialect in dialects if dialect.query_chooses and dialect.query in query), None)


def by_first_frame(dialects: Iterable[Dialect], frame: bytes) -> Dialect | None:
    """Return the dialect that the first frame of a connection shows by its kind, or None if it shows no dialect."""
    return next((each for each in dialects if each.first_frames and each.kind_of(frame) in each.first_frames), None)
