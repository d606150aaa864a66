"""Errors of a command that reads an event log, or writes a copy of one."""

from __future__ import annotations

from signaling_sidecar.errors.operator import SidecarError


class NoLog(SidecarError):
    """There is no event log at the given path."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"no event log was found at {self.path!r}: the files of a log end in .jsonl or .jsonl.gz"


class DamagedLog(SidecarError):
    """A line of a log file is not a record. When `line` is None, the file, or the rest of it, cannot be read."""

    def __init__(self, path: str, line: int | None, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path, self.line, self.reason = path, line, reason

    def __str__(self) -> str:
        if self.line is None:
            return f"{self.path} is not an event log, or is incomplete: {self.reason}"
        return f"{self.path}, line {self.line} is not a record of an event log: {self.reason}"


class UnknownSchema(SidecarError):
    """A record has a schema version that this release cannot read."""

    def __init__(self, path: str, line: int, version: object, known: int) -> None:
        super().__init__(path, line, version, known)
        self.path, self.line, self.version, self.known = path, line, version, known

    def __str__(self) -> str:
        return (
            f"{self.path}, line {self.line} has schema version {self.version!r}, but this release reads version "
            f"{self.known}: use the release that wrote the log"
        )


class NoSuchRoomInLog(SidecarError):
    """The records of one room were requested, but the log contains none."""

    def __init__(self, room: str) -> None:
        super().__init__(room)
        self.room = room

    def __str__(self) -> str:
        return f"the event log has no record of a room {self.room!r}"


class NotWritten(SidecarError):
    """A file that a command should write cannot be created. No partial file is left behind."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path!r} cannot be written: {self.reason}"
