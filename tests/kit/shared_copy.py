"""Create a redacted copy of a log, as `sidecar log export --redact` does."""

from __future__ import annotations

from pathlib import Path

from signaling_sidecar.dialects.words import dialect_words
from signaling_sidecar.eventlog.export import export
from signaling_sidecar.eventlog.redact import Redactor


def shared_copy(*segments: Path) -> bytes:
    return b"".join(export(segments, redactor=Redactor(dialect_words())))
