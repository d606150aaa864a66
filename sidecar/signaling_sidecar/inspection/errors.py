"""Errors of the notebook views. All of them are `SidecarError`s: errors that the caller can avoid."""

from __future__ import annotations

from collections.abc import Sequence

from signaling_sidecar.drawing.errors import first_of
from signaling_sidecar.errors import SidecarError


class UnknownRecord(SidecarError):
    """No signal has the requested number, or signals of several boots have it."""

    def __init__(self, asked: str, choices: Sequence[str]) -> None:
        super().__init__(asked, choices)
        self.asked, self.choices = asked, choices

    def __str__(self) -> str:
        if not self.choices:
            return f"this log has no signal {self.asked}; the table `signals` lists them with boot and seq"
        return f"{len(self.choices)} boots of this log have a signal {self.asked}, choose one: {first_of(self.choices)}"


class NoDescription(SidecarError):
    """A record or text that was to be compared contains no session description."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"{self.what} contains no session description, which begins with 'v=0' (`payloads` must be 'full')"


class NoDump(SidecarError):
    """A file is not the dump of a browser, or not one that this release can read."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path!r} {self.reason}"


class DamagedDump(SidecarError):
    """A dump contains something that no browser writes. (An incomplete last line of an rtcstats file is left out.)"""

    def __init__(self, path: str, place: str | None, reason: str) -> None:
        super().__init__(path, place, reason)
        self.path, self.place, self.reason = path, place, reason

    def __str__(self) -> str:
        where = self.path if self.place is None else f"{self.path}, {self.place}"
        return f"{where} is not as a browser writes it: {self.reason}"
