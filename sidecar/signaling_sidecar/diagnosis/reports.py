"""Reads what browsers have reported about their RTCPeerConnections in `trace` frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.record_data import read_data

OF_DUMP = "dump"
"""The `kind` of a report that was made from a dump, a file in which a browser has recorded its RTCPeerConnections."""


class CandidatePair(msgspec.Struct, frozen=True, gc=False):
    """The pair of candidates that ICE selected. Each end has `type`, `protocol`, `address` and so on, named as in
    getStats."""

    local: dict[str, Any] = {}
    remote: dict[str, Any] = {}


class Report(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """One `trace` frame, which `trace-report.ts` in the page writes. A field is None if the frame does not have it.

    `signaling_sidecar.inspection.dumps` makes the same reports from a dump of a browser.
    """

    event: str
    page: str | None = None
    """The id of a page load."""
    pc: str | None = None
    """The name that the page gives to an RTCPeerConnection (see `ConnectionIds`), or None if the report is about the
    page."""
    peer_id: str | None = None
    """The peer id at the other end, if the app has named it."""
    secure: bool | None = None
    title: str | None = None
    """The title of the page."""
    path: str | None = None
    """The path in the URL of the page, without parts that look like a key."""
    policy: str | None = None
    """The `iceTransportPolicy`: `relay` or `all`."""
    connection: str | None = None
    ice: str | None = None
    signaling: str | None = None
    dtls: str | None = None
    local_ufrag: str | None = None
    remote_ufrag: str | None = None
    operation: str | None = None
    """The method that failed."""
    name: str | None = None
    pair: CandidatePair | None = None
    has_local: bool | None = None
    """Whether the browser has found a local candidate."""
    has_remote: bool | None = None
    """Whether the page has added a candidate from the other side."""


def read_report(data: str | None) -> Report | None:
    """Read the data of a `trace.state` record. Returns None if the data is not a report that the sidecar knows."""
    return read_data(data, Report)


class ConnectionIds:
    """Gives each RTCPeerConnection an id that no other one in the log has.

    Each page chooses the names of its own connections, so two pages may use the same name, such as `1`. If a client
    does not name its page, its session identifies the page. While the client is in no room, its WebSocket identifies
    the page: a client may report a connection before it has joined, and after it has left. In the reports of a dump,
    `pc` is the whole id.
    """

    def __init__(self) -> None:
        self._by_session: dict[tuple[str, str], str] = {}
        self._by_socket: dict[tuple[str, int, str], tuple[str, str | None]] = {}
        """By boot id, connection number and `pc`: the id of the RTCPeerConnection, and the session that last reported
        it, or None if no session has reported it."""

    def of(self, entry: Entry, page: str | None, pc: str) -> str:
        """Return the id of the connection that the page calls `pc`. Must be called for all reports in their order."""
        if entry.kind == OF_DUMP:
            return pc
        if page is not None:
            return f"{page} {pc}"
        socket = (entry.boot, entry.connection, pc) if entry.connection is not None else None
        id_, session = self._by_socket.get(socket, (None, None)) if socket is not None else (None, None)
        if entry.session is not None:
            before = id_ if session is None else None
            id_ = self._by_session.setdefault((entry.session, pc), before or f"{entry.session} {pc}")
        elif id_ is None:
            id_ = f"{entry.boot} {entry.connection} {pc}"
        if socket is not None:
            self._by_socket[socket] = id_, entry.session or session
        return id_


@dataclass(eq=False, slots=True)
class Connection:
    """One RTCPeerConnection, from the reports of its page in their order."""

    id: str
    page: str | None
    reports: list[tuple[Entry, Report]] = field(default_factory=list)
    """Each report with its record. To save memory, the data of the record is left out, and the ids that this object has
    too are left out of the report."""
    session: str | None = None
    peer_id: str | None = None
    ufrags: dict[str, None] = field(default_factory=dict)
    """The ICE ufrags, in the order of the reports. An ICE restart adds another ufrag."""
    remote_ufrags: dict[str, None] = field(default_factory=dict)
    has_state: bool = False
    """Whether a report has said which state the connection is in."""

    def add(self, entry: Entry, report: Report) -> None:
        own = msgspec.structs.replace(report, pc=None, page=None, peer_id=None)
        # A page sends statistics only while it is connected. If the log begins in the middle, the state of the
        # connection is not in it.
        if own.event == "stats" and not self.has_state:
            own = msgspec.structs.replace(own, connection="connected")
        self.has_state |= own.connection is not None
        self.reports.append((entry.without_data(), own))
        self.session = self.session or entry.session
        self.peer_id = self.peer_id or report.peer_id
        if report.local_ufrag is not None:
            self.ufrags[report.local_ufrag] = None
        if report.remote_ufrag is not None:
            self.remote_ufrags[report.remote_ufrag] = None

    def last(self, name: str) -> Any:
        """Return the value of the field `name` in the last report that has the field, or None."""
        return next((value for _, r in reversed(self.reports) if (value := getattr(r, name)) is not None), None)

    def when(self, name: str, *values: str) -> list[Entry]:
        """Return the entries whose report has one of `values` in the field `name`."""
        return [entry for entry, report in self.reports if getattr(report, name) in values]

    def ever(self, name: str) -> bool | None:
        """Whether the field `name` is true in any report, or None if no report has the field."""
        said = {value for _, report in self.reports if (value := getattr(report, name)) is not None}
        return any(said) if said else None

    @property
    def is_negotiated(self) -> bool:
        """Whether the page has set an offer and an answer."""
        return any(each.signaling == "stable" and each.local_ufrag and each.remote_ufrag for _, each in self.reports)

    @property
    def errors(self) -> list[str]:
        """The methods that have failed, each with the name of the error."""
        failed = [each for _, each in self.reports if each.event == "error" and each.operation != "gather"]
        return [f"{each.operation}() has failed ({each.name})" for each in failed]

    @property
    def policy_is_relay(self) -> bool:
        return bool(self.last("policy") == "relay")


class Connections:
    """All RTCPeerConnections that browsers have reported."""

    def __init__(self) -> None:
        self._ids = ConnectionIds()
        self.by_id: dict[str, Connection] = {}
        self.pages: dict[str, Report] = {}
        """By page id, the last report about the page."""
        self.media: dict[tuple[str, str], tuple[Entry, str | None]] = {}
        """By page id and method (such as `getUserMedia`): the last report about a call of the method, and the name of
        its error, or None if the call has succeeded."""
        self.insecure_sessions: dict[str, Entry | None] = {}
        """By session id: None if its page is a secure context, otherwise the entry that reports that the page is not a
        secure context."""

    def add(self, entry: Entry) -> Report | None:
        """Add the report in a `trace.state` entry. Return it if it is about an RTCPeerConnection or describes the page,
        and otherwise None."""
        report = read_report(entry.data)
        if report is None:
            return None
        if report.event == "media":
            self.media[report.page or "", report.operation or ""] = entry.without_data(), report.name
            return None
        if report.pc is None:
            if report.page is not None:
                self.pages[report.page] = report
            if report.secure is not None and entry.session is not None:
                self.insecure_sessions[entry.session] = None if report.secure else entry
            return report
        id_ = self._ids.of(entry, report.page, report.pc)
        known = self.by_id.get(id_)
        if known is None:
            known = self.by_id[id_] = Connection(id_, report.page)
        known.add(entry, report)
        return report
