"""The exceptions by which a test fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from signaling_sidecar.diagnosis import RejectionObject, VerdictObject
from signaling_sidecar.untrusted_text import visible


class NotConnected(AssertionError):
    """Some peers of a room are not connected. The message contains the verdicts on all pairs that are not connected."""

    def __init__(
        self, what: str, verdicts: Sequence[VerdictObject], rejections: Sequence[RejectionObject], log: Path
    ) -> None:
        self.verdicts, self.rejections, self.log = verdicts, rejections, log
        reasons = [*_lines_of_verdicts(verdicts), *_lines_of_rejections(rejections)]
        super().__init__("\n".join([f"{what}:" if reasons else what, *reasons, f"Event log: {log}"]))


class SidecarEnded(Exception):
    """The sidecar could not be started, or has ended. The message contains what it has written to stderr."""


class SidecarRefused(ValueError):
    """The sidecar has refused a request. `code` is an error code that does not change, such as `no-such-peer`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(visible(message))
        self.code = code


def _lines_of_verdicts(verdicts: Sequence[VerdictObject]) -> Iterator[str]:
    for verdict in verdicts:
        yield visible(verdict.sentence)
        yield from (f"  {visible(note)}" for note in verdict.notes)
        yield from _lines_of_step(verdict.next_step)


def _lines_of_rejections(rejections: Sequence[RejectionObject]) -> Iterator[str]:
    for rejection in rejections:
        yield visible(rejection.sentence) + (f", {rejection.times} times" if rejection.times > 1 else "")
        yield from _lines_of_step(rejection.next_step)


def _lines_of_step(step: str | None) -> Iterator[str]:
    if step is not None:
        yield f"  → {step}"
