"""Describes a room in Markdown, to paste into an issue: verdicts, next steps, a redacted ladder and versions."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from signaling_sidecar import __version__
from signaling_sidecar.analysis.log_window import LEAST_SEGMENTS, WINDOW_BYTES
from signaling_sidecar.analysis.messages import Key
from signaling_sidecar.diagnosis import Diagnosis, Entry, find_meetings, judge
from signaling_sidecar.dialects.words import dialect_words
from signaling_sidecar.drawing import Ladder, RoomInLog, entries_of_room
from signaling_sidecar.eventlog import SCHEMA_VERSION, Line
from signaling_sidecar.eventlog.export import export
from signaling_sidecar.eventlog.records import Header
from signaling_sidecar.eventlog.redact import Redactor
from signaling_sidecar.eventlog.segments import find_segments, newest_of

MAX_ROWS = 200  # the ladder keeps its last rows, because GitHub refuses texts of more than 65,536 characters
WIDTH = 110  # the most characters in a line of the ladder


def markdown(folder: Path, key: Key, pair: tuple[str, str] | None) -> str:
    """Describe a room, or only the two peers whose ids are `pair`. Pseudonyms replace names, ids and addresses.

    Raises NoSuchRoomInLog and NoLog.
    """
    redactor = Redactor(dialect_words())
    entries = list(_redacted(folder, key[1], redactor))
    dialect, room, *peers = (_pseudonym(redactor, *each) for each in _names(key, pair))
    found = find_meetings(entries)
    diagnosis = judge(found, time.time()).only(room, dialect)
    sessions = None
    if peers:
        chosen = [each for each in diagnosis.verdicts if {who.peer for who in each.meeting.sessions} == set(peers)]
        diagnosis = Diagnosis(chosen, [])
        sessions = (chosen[-1].meeting.sessions[0].id, chosen[-1].meeting.sessions[1].id) if chosen else None
    boot = next((each.boot for each in reversed(entries) if (each.dialect, each.room) == (dialect, room)), "")
    records = entries_of_room(entries, RoomInLog(dialect, room, boot))
    labels = found.labels.get((dialect, room))
    return "\n".join(_lines(diagnosis, Ladder(f"Room {room} · {dialect}", records, between=sessions, labels=labels)))


def _redacted(folder: Path, room: str, redactor: Redactor) -> Iterator[Entry]:
    segments = newest_of(find_segments(folder).segments, WINDOW_BYTES, LEAST_SEGMENTS)
    boot = ""
    for line in export(segments, room=room, redactor=redactor):
        entry = msgspec.json.decode(line, type=Entry)
        if entry.type == "log.header":
            boot = msgspec.json.decode(entry.data or "{}", type=Header).boot
        yield msgspec.structs.replace(entry, boot=boot)


def _names(key: Key, pair: tuple[str, str] | None) -> list[tuple[str, str]]:
    return [("dialect", key[0]), ("room", key[1]), *(("peer", peer) for peer in pair or ())]


def _pseudonym(redactor: Redactor, column: str, value: str) -> str:
    line = msgspec.structs.replace(_NOTHING, **{column: value})
    return str(getattr(redactor.redact(line), column))


_NOTHING = Line(v=SCHEMA_VERSION, seq=0, ts=0.0, type="log.header")


def _lines(diagnosis: Diagnosis, ladder: Ladder) -> Iterator[str]:
    yield "### What `sidecar why` says"
    yield from _fenced(str(diagnosis).splitlines())
    shown = ladder.last(MAX_ROWS)
    yield "### What the peers have sent"
    yield from _fenced(shown.to_text(WIDTH).splitlines())
    yield "### Versions"
    yield (
        f"signaling sidecar {__version__}, Python {platform.python_version()}, aiohttp {version('aiohttp')}, "
        f"{platform.system()} {platform.release()}"
    )
    yield ""
    yield "Names, ids and addresses are replaced by pseudonyms."


def _fenced(lines: Sequence[str]) -> Iterator[str]:
    """Put lines into a fenced code block, whose fence is longer than any sequence of backquotes in the lines."""
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    yield from ("", f"{fence}text", *lines, fence, "")
