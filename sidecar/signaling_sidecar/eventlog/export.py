"""Export an event log, or one room of it, as one text. The records can be redacted, so that the text can be shared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from signaling_sidecar.errors import NOT_JSON, NoSuchRoomInLog
from signaling_sidecar.eventlog.line import SCHEMA_VERSION, Line
from signaling_sidecar.eventlog.records import LeftOut, Stamp, read_records
from signaling_sidecar.eventlog.redact import Redactor


def export(
    segments: Sequence[Path],
    left_out: LeftOut | None = None,
    *,
    room: str | None = None,
    redactor: Redactor | None = None,
) -> Iterator[bytes]:
    """Yield the records of the segments as lines, in their order. Lines that cannot be read are added to `left_out`.

    If `room` is given, the records of other rooms are left out. A record that names no room is yielded if it is about a
    connection that joined the room, or about no peer at all. After the records of the room, a record `log.exported` is
    added. It has the time of the last record of the whole log, so that a diagnosis can compute how long a peer has
    waited. If `room` or `redactor` is given, fields that this version does not know are removed.

    Raises `DamagedLog` or `UnknownSchema` if no record can be read. Raises `NoSuchRoomInLog` before the first line if
    the room is not in the log.
    """
    left_out = left_out or LeftOut()
    if room is None and redactor is None:
        for read in read_records(segments, Stamp, left_out):
            yield read.line + b"\n"
        return
    lines = (read.record for read in read_records(segments, Line, left_out)) if room is None else None
    for line in lines or _of_room(segments, left_out, room or ""):
        yield msgspec.json.encode(redactor.redact(line) if redactor is not None else line) + b"\n"


def _of_room(segments: Sequence[Path], left_out: LeftOut, room: str) -> Iterator[Line]:
    connections = _connections_of(segments, room)
    if not connections:
        raise NoSuchRoomInLog(room)
    last: Line | None = None
    for boot, line, *_ in read_records(segments, Line, left_out):
        last = line
        if line.type == "log.checkpoint":
            yield _checkpoint_of(line, room)
        elif line.room == room or (line.room is None and _is_about(line, boot, connections)):
            yield line
    assert last is not None
    data = msgspec.json.encode({"room": room}).decode()
    yield Line(v=SCHEMA_VERSION, seq=last.seq + 1, ts=last.ts, type="log.exported", data=data)


def _connections_of(segments: Sequence[Path], room: str) -> set[tuple[str, int | None]]:
    """Find the connections of the peers that were in the room, as pairs of boot id and connection number.

    The connection number is None for a session that had no connection when a checkpoint was written.
    """
    found: set[tuple[str, int | None]] = set()
    for boot, line, *_ in read_records(segments, Line, LeftOut()):
        if line.type == "log.checkpoint":
            sessions = (each for there in _in_checkpoint(line, room) for each in there.get("sessions", ()))
            found |= {(boot, each.get("connection")) for each in sessions}
        elif line.room == room:
            found.add((boot, line.connection))
    return found


def _is_about(line: Line, boot: str, connections: set[tuple[str, int | None]]) -> bool:
    """Whether a record without a room is about one of the connections, or about no connection and no peer."""
    if line.connection is None:
        return line.peer is None
    return (boot, line.connection) in connections


def _checkpoint_of(line: Line, room: str) -> Line:
    own = _Checkpoint(_in_checkpoint(line, room))
    return msgspec.structs.replace(line, data=msgspec.json.encode(own).decode())


def _in_checkpoint(line: Line, room: str) -> list[dict[str, Any]]:
    try:
        there = msgspec.json.decode(line.data or "", type=_Checkpoint)
    except NOT_JSON:  # a damaged checkpoint is treated as one without rooms
        return []
    return [each for each in there.rooms if each.get("room") == room]


class _Checkpoint(msgspec.Struct):
    rooms: list[dict[str, Any]]
    waiting: list[Any] = []
