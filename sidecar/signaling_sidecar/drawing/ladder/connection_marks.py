"""Finds in the browsers' reports when a connection between two browsers came up or went down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.diagnosis.reports import CandidatePair, ConnectionIds, Report, read_report
from signaling_sidecar.drawing.ladder.steps import Look

_LOOKS = {"connected": Look.CONNECTED, "disconnected": Look.DISCONNECTED, "failed": Look.FAILED}
_TO = {Look.CONNECTED: "to", Look.DISCONNECTED: "from", Look.FAILED: "to reach"}


@dataclass
class Mark:
    """The new state of one connection."""

    look: Look
    peer_id: str | None
    """The peer at the other end, or None if the app has not named it."""
    pair: CandidatePair | None = None
    """The pair of candidates that ICE has selected. The browser reports the pair after the state."""

    def label(self, called: Callable[[str], str]) -> str:
        """Return the text for the ladder. `called` is a function that returns the label of a peer."""
        other = "" if self.peer_id is None else f" {_TO[self.look]} {called(self.peer_id)}"
        return f"{self.look}{other}" + ("" if self.pair is None else f", {_route(self.pair)}")


def connection_marks(records: Iterable[Entry]) -> dict[int, Mark]:
    """Return, by `seq`, a mark for each record that reports that a connection came up, went down or failed."""
    ids = ConnectionIds()
    marks: dict[int, Mark] = {}
    states: dict[str, str] = {}
    latest: dict[str, Mark] = {}
    for record in records:
        report = read_report(record.data) if record.type == "trace.state" else None
        if report is None or report.pc is None:
            continue
        id_ = ids.of(record, report.page, report.pc)
        if report.pair is not None and id_ in latest:
            latest[id_].pair = latest[id_].pair or report.pair
        if report.connection is not None and report.connection != states.get(id_):
            states[id_] = report.connection
            if (mark := _mark(report)) is not None:
                marks[record.seq] = latest[id_] = mark
    return marks


def _mark(report: Report) -> Mark | None:
    look = _LOOKS.get(report.connection or "")
    return None if look is None else Mark(look, report.peer_id)


def _route(pair: CandidatePair) -> str:
    """Write a pair of candidates, for example as `host-prflx`, with the protocol if it is not UDP."""
    local, remote = (str(end.get("type", "?")) for end in (pair.local, pair.remote))
    protocol = str(pair.local.get("protocol", "udp"))
    return f"{local}-{remote}" + ("" if protocol == "udp" else f" {protocol}")
