"""What can be wrong with a log, or with a question about it. All are the asker's to mend: `SidecarError`s."""

from __future__ import annotations

from collections.abc import Sequence

from signaling_sidecar.drawing.errors import first_of
from signaling_sidecar.errors import SidecarError


class UnknownRecord(SidecarError):
    """No signal has this number, or several boots have one."""

    def __init__(self, asked: str, choices: Sequence[str]) -> None:
        super().__init__(asked, choices)
        self.asked, self.choices = asked, choices

    def __str__(self) -> str:
        if not self.choices:
            return f"no signal of this log is {self.asked}: `signals` has their boot and seq"
        return f"{len(self.choices)} boots of this log have a signal {self.asked}, choose one: {first_of(self.choices)}"


class NoDescription(SidecarError):
    """What was to be compared holds no session description."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"{self.what} holds no session description (one begins with 'v=0'; `payloads` must be 'full')"


class NoDump(SidecarError):
    """There is no dump of a browser at a path, or one that this release does not read."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path!r} {self.reason}"


class DamagedDump(SidecarError):
    """A dump holds something that none has. (A torn last line of an rtcstats file is no damage: it is left out.)"""

    def __init__(self, path: str, place: str | None, reason: str) -> None:
        super().__init__(path, place, reason)
        self.path, self.place, self.reason = path, place, reason

    def __str__(self) -> str:
        where = self.path if self.place is None else f"{self.path}, {self.place}"
        return f"{where} is not as a browser writes it: {self.reason}"


class AdminRefused(SidecarError):
    """The running sidecar will not do it; `code` is one of the protocol's, or an HTTP status."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
