"""Export an event log, or one room of it, as one text. The records can be redacted, so that the text can be shared."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from signaling_sidecar.errors import NOT_JSON, NoSuchRoomInLog
from signaling_sidecar.eventlog.line import SCHEMA_VERSION, Line
from signaling_sidecar.eventlog.payload import read_content
from signaling_sidecar.eventlog.records import LeftOut, Stamp, read_records
from signaling_sidecar.eventlog.redact import Redactor
from signaling_sidecar.hub.effects import FRAME_RECORDS


def export(
    segments: Sequence[Path],
    left_out: LeftOut | None = None,
    *,
    room: str | None = None,
    redactor: Redactor | None = None,
) -> Iterator[bytes]:
    """Yield the records of the segments as lines, in their order. Lines that cannot be read are added to `left_out`.

    If `room` is given, the records of other rooms are left out. A record that names no room is yielded if it is about a
    connection that joined the room, about an RTCPeerConnection that was signaled there, or about no peer at all. If
    `room` or `redactor` is given, fields that this version does not know are removed.

    A record `log.exported` is added to the records of a room, and to those of a running sidecar. It has the time of the
    last record of the whole log, or the current time if `left_out` says that the sidecar is running. From this time,
    the diagnosis computes how long a peer has waited.

    Raises `DamagedLog` or `UnknownSchema` if no record can be read. Raises `NoSuchRoomInLog` before the first line if
    the room is not in the log.
    """
    left_out = left_out or LeftOut()
    if room is None and redactor is None:
        yield from _unchanged(segments, left_out)
        return
    for line in _whole(segments, left_out) if room is None else _of_room(segments, left_out, room):
        yield msgspec.json.encode(redactor.redact(line) if redactor is not None else line) + b"\n"


def _unchanged(segments: Sequence[Path], left_out: LeftOut) -> Iterator[bytes]:
    last: Stamp | None = None
    for read in read_records(segments, Stamp, left_out):
        last = read.record
        yield read.line + b"\n"
    if last is not None and left_out.is_live:
        yield msgspec.json.encode(_end_of(last, left_out, None)) + b"\n"


def _whole(segments: Sequence[Path], left_out: LeftOut) -> Iterator[Line]:
    last: Line | None = None
    for _, line, *_ in read_records(segments, Line, left_out):
        last = line
        yield line
    if last is not None and left_out.is_live:
        yield _end_of(last, left_out, None)


def _of_room(segments: Sequence[Path], left_out: LeftOut, room: str) -> Iterator[Line]:
    about = _find(segments, room)
    if not about.connections:
        raise NoSuchRoomInLog(room)
    last: Line | None = None
    for boot, line, *_ in read_records(segments, Line, left_out):
        last = line
        if line.type == "log.checkpoint":
            yield _checkpoint_of(line, room)
        elif line.room == room or (line.room is None and about.has(line, boot)):
            yield line
    assert last is not None
    yield _end_of(last, left_out, room)


def _end_of(last: Line | Stamp, left_out: LeftOut, room: str | None) -> Line:
    # The last record of a running sidecar may be old: nothing is recorded while a peer waits for an answer.
    ts = max(last.ts, time.time()) if left_out.is_live else last.ts
    data = msgspec.json.encode({"room": room}).decode()
    # The sidecar gives the next number to another record, which may be in a later copy.
    return Line(v=SCHEMA_VERSION, seq=last.seq, ts=ts, type="log.exported", data=data)


class _Report(msgspec.Struct, frozen=True, rename="camel"):
    """The ids in a browser's report: those of a page and of its RTCPeerConnection, and the ICE ufrags of both ends."""

    page: str | None = None
    pc: str | None = None
    local_ufrag: str | None = None
    remote_ufrag: str | None = None


class _AboutRoom(NamedTuple):
    """What a record without a room must name, so that it is about the room. A connection is a pair of boot id and
    connection number."""

    connections: set[tuple[str, int | None]]
    """The connections of the peers that were in the room. The connection number is None for a session that had no
    connection when a checkpoint was written."""
    reporting: set[tuple[str, int | None]]
    """The connections on which pages have sent nothing but reports, as they do with the plugin's option `trace`."""
    pcs: set[tuple[str | None, str | None]]
    """The RTCPeerConnections of these pages that were signaled in the room, as pairs of page and name, and a pair of
    each page and None."""

    def has(self, line: Line, boot: str) -> bool:
        """Whether a record without a room is about the room, or about no connection and no peer."""
        if line.connection is None:
            return line.peer is None
        if (boot, line.connection) in self.connections or line.type != "trace.state":
            return (boot, line.connection) in self.connections | self.reporting
        report = _report_in(line)
        return (report.page, report.pc) in self.pcs


def _find(segments: Sequence[Path], room: str) -> _AboutRoom:
    """Find the connections of the room's peers, and the RTCPeerConnections whose ICE ufrags are in the room's
    signals."""
    connections: set[tuple[str, int | None]] = set()
    ufrags: set[str | None] = set()
    reported: dict[tuple[str, str], set[str | None]] = defaultdict(set)
    sockets: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
    for boot, line, *_ in read_records(segments, Line, LeftOut()):
        if line.type == "log.checkpoint":
            sessions = (each for there in _in_checkpoint(line, room) for each in there.get("sessions", ()))
            connections |= {(boot, each.get("connection")) for each in sessions}
        elif line.room == room:
            connections.add((boot, line.connection))
            if line.type in FRAME_RECORDS:
                ufrags.add(read_content(line.data or "").ufrag)
        elif line.type == "trace.state" and line.room is None:
            report = _report_in(line)
            if report.page is not None and report.pc is not None:
                reported[report.page, report.pc] |= {report.local_ufrag, report.remote_ufrag}
                sockets[report.page].add((boot, line.connection))
    own = {key for key, its in reported.items() if (its & ufrags) - {None}}
    reporting = {socket for page, _ in own for socket in sockets[page]} - connections
    return _AboutRoom(connections, reporting, {*own, *((page, None) for page, _ in own)})


def _report_in(line: Line) -> _Report:
    try:
        return msgspec.json.decode(line.data or "", type=_Report)
    except NOT_JSON:
        return _Report()


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
