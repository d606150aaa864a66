"""The words of the dialects that a redacted copy of the event log may contain."""

from __future__ import annotations

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.eventlog.allowed_words import DialectWords
from signaling_sidecar.settings import Settings


def dialect_words() -> DialectWords:
    """Collect the words of all dialects that a redacted copy may contain."""
    dialects = DIALECTS.values()
    return DialectWords(
        names=frozenset(DIALECTS),
        kinds=frozenset(kind for dialect in dialects for kind in dialect.kinds),
        modes=frozenset(mode for dialect in dialects for mode in dialect.rules(Settings()).host.modes),
    )
