"""Opens the dump of a browser, and shows it as tables and text."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from os import PathLike
from pathlib import Path

import msgspec
import pandas as pd

from signaling_sidecar.counted import counted
from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.diagnosis.reports import OF_DUMP, Connection, Report
from signaling_sidecar.drawing.markup import framed, text
from signaling_sidecar.eventlog import SCHEMA_VERSION
from signaling_sidecar.eventlog.expanded_path import expanded
from signaling_sidecar.inspection.dumps.events import DumpEvent
from signaling_sidecar.inspection.dumps.internals import read_internals
from signaling_sidecar.inspection.dumps.other_files import OLD_RTCSTATS, other_kind
from signaling_sidecar.inspection.dumps.reports import reports_of
from signaling_sidecar.inspection.dumps.rtcstats import FIRST_LINE, read_rtcstats
from signaling_sidecar.inspection.errors import DamagedDump, NoDump
from signaling_sidecar.inspection.tables.common_categories import with_text_categories
from signaling_sidecar.inspection.tables.text_dtype import TEXT
from signaling_sidecar.inspection.tables.utc_times import utc_times
from signaling_sidecar.text_encoding import decoded, encoding_of
from signaling_sidecar.untrusted_text import visible

_GZIP = zlib.MAX_WBITS | 16  # in zlib this means a gzip header and the largest window
_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, 2.3.1
_NOTHING_OPEN = (
    "no connection was open at the download: download it during the call, or download the rtcstats dump, which "
    "contains closed connections too"
)
_CATEGORIES = (
    *("connection", "name", "signaling", "ice", "state", "dtls"),
    *("local_type", "remote_type", "protocol", "policy"),
)
_TEXTS = ("url", "ufrags", "remote_ufrags", "arguments")
_TIMES = ("time", "began", "ended")
_CONNECTION_COLUMNS = [
    *("connection", "url", "began", "ended", "ufrags", "remote_ufrags", "signaling", "ice", "state", "dtls"),
    *("local_type", "remote_type", "protocol", "policy", "events", "failures"),
]


def open_dump(path: str | PathLike[str]) -> Dump:
    """Read the file in which a browser has recorded its RTCPeerConnections.

    The file is one of the two that Chromium downloads at `chrome://webrtc-internals` for all pages: the
    "webrtc-internals dump", in which closed connections may be missing, or the "rtcstats dump". Files of older Chromium
    versions and of Electron can be read too, and so can the rtcstats file that rtcstats-js makes of one page. The file
    may be packed with gzip, and its name does not matter. `EventLog.with_dump` joins the dump to the signals in a log.

    Raises `NoDump` for any other file, and `DamagedDump` for a damaged dump. Both are `SidecarError`s.
    """
    place = expanded(path)
    try:
        content = place.read_bytes()
    except OSError as error:
        raise NoDump(str(path), f"cannot be read: {error.strerror}") from error
    if content.startswith(_GZIP_MAGIC):
        content = _unpacked(str(path), content)
    content = _as_a_browser_writes(str(path), content)
    if content.partition(b"\n")[0].rstrip() == FIRST_LINE:
        return Dump(str(path), "rtcstats", read_rtcstats(str(path), content))
    if content.startswith(b"{") and b'"PeerConnections"' in content and OLD_RTCSTATS not in content:
        return Dump(str(path), "webrtc-internals", read_internals(str(path), content))
    raise NoDump(str(path), other_kind(content))


class Dump:
    """A dump that `open_dump` has read. Its times come from the browser's clock."""

    def __init__(self, path: str, kind: str, recorded: Sequence[DumpEvent]) -> None:
        self.path = path
        self.kind = kind
        """`webrtc-internals` or `rtcstats`."""
        self.recorded = recorded
        """The rows of `events`, as Python objects."""
        self.reports = list(reports_of(path, recorded))
        """The reports about connections that the events contain, each with its event."""

    @property
    def name(self) -> str:
        """The name of the file."""
        return Path(self.path).name

    @property
    def connection_count(self) -> str:
        return counted(len(self.by_connection), "connection")

    @cached_property
    def events(self) -> pd.DataFrame:
        """One row per call of the WebRTC API, and per event of it, in order.

        ========== =================== ==========================================================================
        event      int64               its number in the dump, from 1; its `seq` in a log with this dump
        time       datetime64[us, UTC] when it happened, by the browser's clock
        connection category            the dump's name for the RTCPeerConnection; missing (or `…-0`) for the page
        name       category            method or event, such as `setLocalDescription`, `onconnectionstatechange`
        arguments  str                 JSON text: the method's arguments, or the event's details (see below)
        ========== =================== ==========================================================================

        In a webrtc-internals dump, `create` has the time of the next event of its connection, or of the download if
        there is no other event, `getStats` has the last values of the statistics that a diagnosis needs, and `download`
        is the download of the dump. In an rtcstats dump, `getStats` has only the values that have changed.
        """
        rows = [
            (e.number, e.ts, e.connection, e.name, None if e.value is None else e.json.decode()) for e in self.recorded
        ]
        return _typed(pd.DataFrame(rows, columns=["event", "time", "connection", "name", "arguments"]))

    @cached_property
    def connections(self) -> pd.DataFrame:
        """One row per RTCPeerConnection, in order.

        ============= =================== =======================================================================
        connection    category            the dump's name for it
        url           str                 the URL of its page, if the dump has it
        began         datetime64[us, UTC] `create`, by the browser's clock
        ended         datetime64[us, UTC] `close`, or the end of its page; missing if the dump ends before it
        ufrags        str                 its ICE username fragments; several after an ICE restart
        remote_ufrags str                 the fragments of the other side; missing without a remote description
        signaling     category            the last `signalingState`
        ice           category            the last `iceConnectionState`
        state         category            the last `connectionState`
        dtls          category            the last state of the DTLS transport; from `getStats`
        local_type    category            its candidate in the selected pair: `host`, `srflx`, `prflx`, `relay`
        remote_type   category            the other side's candidate in the selected pair; both from `getStats`
        protocol      category            the protocol of its candidate: `udp`, `tcp`
        policy        category            `iceTransportPolicy`: `all`, `relay`
        events        int64               rows of `events`
        failures      int64               calls that failed
        ============= =================== =======================================================================
        """
        events: dict[str | None, list[DumpEvent]] = {}
        for event in self.recorded:
            events.setdefault(event.connection, []).append(event)
        rows = [_row(connection, events[id_]) for id_, connection in self.by_connection.items()]
        return _typed(pd.DataFrame(rows, columns=_CONNECTION_COLUMNS))

    @cached_property
    def by_connection(self) -> dict[str, Connection]:
        """The connections by the dump's names for them, in the form that the log's diagnosis uses for traced pages."""
        found: dict[str, Connection] = {}
        for event, report in self.reports:
            id_ = report.pc or ""
            found.setdefault(id_, Connection(id_, report.page)).add(entry_of(event, report), report)
        return found

    def __str__(self) -> str:
        return "\n".join([self._title(), *(f"  {line}" for line in self._lines())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = (f'<div style="margin:2px 8px">{text(line)}</div>' for line in self._lines())
        return framed(self._title(), "".join(lines))

    def _title(self) -> str:
        facts = [f"{self.kind} dump", self.connection_count, counted(len(self.recorded), "event")]
        if self.recorded:
            # If the recording began after the call, an rtcstats dump has `create` late, but with its real time.
            times = [event.ts for event in self.recorded]
            first, last = (datetime.fromtimestamp(ts, UTC) for ts in (min(times), max(times)))
            facts.append(f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC by its own clock")
        return f"{visible(self.name)}: {', '.join(facts)}"

    def _lines(self) -> Iterator[str]:
        if not self.by_connection and self.kind == "webrtc-internals":
            yield _NOTHING_OPEN
        for row in self.connections.astype(object).where(self.connections.notna(), None).to_dict("records"):
            way = f" ({row['local_type']} to {row['remote_type']})" if row["local_type"] is not None else ""
            ufrags = f"ufrag {row['ufrags'] or 'none'} with {row['remote_ufrags'] or 'nobody'}"
            yield visible(f"{row['connection']} {row['url'] or ''}: {row['state'] or 'new'}{way}, {ufrags}")


def _row(connection: Connection, events: Sequence[DumpEvent]) -> dict[str, object]:
    ended = connection.when("event", "closed")
    pair = connection.last("pair")
    return {
        "connection": connection.id,
        "url": next((event.url for event in events if event.url is not None), None),
        "began": events[0].ts,
        "ended": ended[0].ts if ended else None,
        "ufrags": " ".join(sorted(connection.ufrags)) or None,
        "remote_ufrags": " ".join(sorted(connection.remote_ufrags)) or None,
        "signaling": connection.last("signaling"),
        "ice": connection.last("ice"),
        "state": connection.last("connection"),
        "dtls": connection.last("dtls"),
        "local_type": pair.local.get("type") if pair is not None else None,
        "remote_type": pair.remote.get("type") if pair is not None else None,
        "protocol": pair.local.get("protocol") if pair is not None else None,
        "policy": connection.last("policy"),
        "events": len(events),
        "failures": len(connection.when("event", "error")),
    }


def entry_of(event: DumpEvent, report: Report, offset_s: float = 0.0) -> Entry:
    """Return a report as an entry of the log, in the form of the reports of traced pages."""
    data = msgspec.json.encode(report).decode()
    return Entry(SCHEMA_VERSION, event.number, event.ts + offset_s, "trace.state", kind=OF_DUMP, data=data)


def _unpacked(path: str, content: bytes) -> bytes:
    members: list[bytes] = []  # a gzip file may have several; of an incomplete one, as much as possible is read
    try:
        while content.startswith(_GZIP_MAGIC):
            member = zlib.decompressobj(wbits=_GZIP)
            members.append(member.decompress(content))
            content = member.unused_data
    except zlib.error as error:
        raise DamagedDump(path, None, str(error)) from error
    return b"".join(members)


def _as_a_browser_writes(path: str, content: bytes) -> bytes:
    """Undo what editors and PowerShell change in a file: byte order mark, UTF-16, Windows line ends, blank lines."""
    try:
        text = decoded(content).encode() if encoding_of(content) != "utf-8" else content
    except UnicodeDecodeError as error:
        raise DamagedDump(path, None, str(error)) from error
    return text.replace(b"\r\n", b"\n").lstrip()


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Give each column its documented type."""
    for name in table.columns.intersection(list(_TIMES)):
        table[name] = utc_times(table[name])
    named = dict.fromkeys(_CATEGORIES, "category") | dict.fromkeys(_TEXTS, TEXT)
    counted = dict.fromkeys(("event", "events", "failures"), "int64")
    dtypes = {name: dtype for name, dtype in (named | counted).items() if name in table.columns}
    return with_text_categories(table.astype(dtypes))
