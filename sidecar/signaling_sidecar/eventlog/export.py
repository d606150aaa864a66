"""A log as one text: whole, or of one room, or as it may be shared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from signaling_sidecar.errors import DamagedLog, NoSuchRoomInLog
from signaling_sidecar.eventlog.line import SCHEMA_VERSION, Line
from signaling_sidecar.eventlog.redact import Redactor
from signaling_sidecar.eventlog.segments import whole_lines


def export(segments: Sequence[Path], *, room: str | None = None, redacted: bool = False) -> Iterator[bytes]:
    """Yield the whole lines of the segments, in their order.

    Of one room: its records, those of the connections that came to it, and those that are about nobody; a last record,
    `log.exported`, says until when the log went on, for a diagnosis of those who waited. Where lines are chosen or
    redacted, those of other schema versions and the fields that this version does not know are left out.

    Raises `DamagedLog`, and `NoSuchRoomInLog` before the first line.
    """
    if room is None and not redacted:
        for segment in segments:
            yield whole_lines(segment)
        return
    lines = _lines(segments) if room is None else _of_room(segments, room)
    redactor = Redactor() if redacted else None
    for line in lines:
        yield msgspec.json.encode(redactor.redact(line) if redactor is not None else line) + b"\n"


def _lines(segments: Sequence[Path]) -> Iterator[Line]:
    for segment in segments:
        for number, text in enumerate(whole_lines(segment).splitlines(), 1):
            try:
                if _version_of(text).v == SCHEMA_VERSION:
                    yield _line_of(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DamagedLog(str(segment), number, str(error)) from error


def _of_room(segments: Sequence[Path], room: str) -> Iterator[Line]:
    connections = _connections_of(segments, room)
    if not connections:
        raise NoSuchRoomInLog(room)
    last: Line | None = None
    for boot, line in _with_boots(segments):
        last = line
        if line.type == "log.checkpoint":
            yield _checkpoint_of(line, room)
        elif line.room == room or (line.room is None and _is_about(line, boot, connections)):
            yield line
    assert last is not None
    data = msgspec.json.encode({"room": room}).decode()
    yield Line(v=SCHEMA_VERSION, seq=last.seq + 1, ts=last.ts, type="log.exported", data=data)


def _connections_of(segments: Sequence[Path], room: str) -> set[tuple[str, int | None]]:
    """By boot, the connections of those who were in the room; None among them is one who was away."""
    found: set[tuple[str, int | None]] = set()
    for boot, line in _with_boots(segments):
        if line.type == "log.checkpoint":
            sessions = (each for there in _in_checkpoint(line, room) for each in there["sessions"])
            found |= {(boot, each.get("connection")) for each in sessions}
        elif line.room == room:
            found.add((boot, line.connection))
    return found


def _with_boots(segments: Sequence[Path]) -> Iterator[tuple[str, Line]]:
    boot = ""
    for line in _lines(segments):
        if line.type == "log.header":
            boot = msgspec.json.decode(line.data or "", type=_Header).boot
        yield boot, line


def _is_about(line: Line, boot: str, connections: set[tuple[str, int | None]]) -> bool:
    """Whether a record without a room is about one of the connections, or about no peer at all."""
    if line.connection is None:
        return line.peer is None
    return (boot, line.connection) in connections


def _checkpoint_of(line: Line, room: str) -> Line:
    own = _Checkpoint(_in_checkpoint(line, room))
    return msgspec.structs.replace(line, data=msgspec.json.encode(own).decode())


def _in_checkpoint(line: Line, room: str) -> list[dict[str, Any]]:
    there = msgspec.json.decode(line.data or "", type=_Checkpoint)
    return [each for each in there.rooms if each.get("room") == room]


class _Version(msgspec.Struct):
    v: int


class _Header(msgspec.Struct):
    boot: str


class _Checkpoint(msgspec.Struct):
    rooms: list[dict[str, Any]]
    waiting: list[Any] = []


_version_of, _line_of = msgspec.json.Decoder(_Version).decode, msgspec.json.Decoder(Line).decode
