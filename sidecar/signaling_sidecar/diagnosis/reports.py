"""What browsers reported of their RTCPeerConnections: the `trace` frames, one story per connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.record_data import read_data


class CandidatePair(msgspec.Struct, frozen=True):
    """The pair that ICE selected: `type`, `protocol`, `address` … of each end, as getStats names them."""

    local: dict[str, Any] = {}
    remote: dict[str, Any] = {}


class Report(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is read of one `trace` frame; None: it does not say. The frontend's `trace-report.ts` writes it.

    Of a browser's dump `signaling_sidecar.inspection.dumps` makes the same.
    """

    event: str
    page: str | None = None
    """One load of a page."""
    pc: str | None = None
    """One RTCPeerConnection; None: it is about the page."""
    peer_id: str | None = None
    """Whom the connection is to, when the app has said it."""
    secure: bool | None = None
    title: str | None = None
    """Of the page."""
    path: str | None = None
    """Of its URL, without what looks like a key in it."""
    policy: str | None = None
    """`relay` or `all`."""
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
    """Whether the browser has found a candidate of its own."""
    has_remote: bool | None = None
    """Whether it was given one of the other side."""


def read_report(data: str | None) -> Report | None:
    """Read the data of a `trace.state`; None: it is no report of ours."""
    return read_data(data, Report)


@dataclass(eq=False)
class Connection:
    """One RTCPeerConnection as its page saw it, from its reports in their order."""

    id: str
    page: str | None
    reports: list[tuple[Entry, Report]] = field(default_factory=list)
    session: str | None = None
    peer_id: str | None = None
    ufrags: set[str] = field(default_factory=set)
    remote_ufrags: set[str] = field(default_factory=set)

    def add(self, entry: Entry, report: Report) -> None:
        self.reports.append((entry, report))
        self.session = self.session or entry.session
        self.peer_id = self.peer_id or report.peer_id
        self.ufrags |= {report.local_ufrag} - {None}  # type: ignore[arg-type]
        self.remote_ufrags |= {report.remote_ufrag} - {None}  # type: ignore[arg-type]

    def last(self, name: str) -> Any:
        """The last value of a field that any report gave."""
        return next((value for _, r in reversed(self.reports) if (value := getattr(r, name)) is not None), None)

    def when(self, name: str, *values: str) -> list[Entry]:
        """The entries whose report gave the field one of the values."""
        return [entry for entry, report in self.reports if getattr(report, name) in values]

    def ever(self, name: str) -> bool | None:
        """Whether a field was ever true; None: no report says."""
        said = {value for _, report in self.reports if (value := getattr(report, name)) is not None}
        return any(said) if said else None

    @property
    def policy_is_relay(self) -> bool:
        return bool(self.last("policy") == "relay")


class Connections:
    """All connections of a log, by their ids."""

    def __init__(self) -> None:
        self.by_id: dict[str, Connection] = {}
        self.pages: dict[str, Report] = {}
        """What a page has said of itself, by its id."""
        self.insecure_sessions: dict[str, Entry | None] = {}
        """Sessions whose page has said what it is: where it said that it is no secure context, None if it is one."""

    def add(self, entry: Entry) -> Report | None:
        """Take a `trace.state` entry and give what it says; one that is no report of ours is left out."""
        report = read_report(entry.data)
        if report is None:
            return None
        if report.pc is None:
            if report.page is not None:
                self.pages[report.page] = report
            if report.secure is not None and entry.session is not None:
                self.insecure_sessions[entry.session] = None if report.secure else entry
            return report
        known = self.by_id.get(report.pc)
        if known is None:
            known = self.by_id[report.pc] = Connection(report.pc, report.page)
        known.add(entry, report)
        return report
