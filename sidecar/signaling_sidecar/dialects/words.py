"""Collects the words that a redacted copy of the event log keeps: the names of the dialects, the kinds of their frames
and the modes of their rooms."""

from __future__ import annotations

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.eventlog.allowed_words import DialectWords
from signaling_sidecar.settings import Settings


def dialect_words() -> DialectWords:
    """Return the words of all dialects."""
    dialects = DIALECTS.values()
    return DialectWords(
        names=frozenset(DIALECTS),
        kinds=frozenset(kind for dialect in dialects for kind in dialect.kinds),
        modes=frozenset(mode for dialect in dialects for mode in dialect.rules(Settings()).host.modes),
    )
