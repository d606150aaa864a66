"""Selects the records of a room that a ladder of two of its sessions shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.diagnosis.reports import read_report
from signaling_sidecar.drawing.cluster_events import CLUSTER_EVENTS

_OF_THE_ROOM = ("room.", "match.", "log.", *CLUSTER_EVENTS)


def records_between(records: Sequence[Entry], one: str, other: str) -> Iterator[Entry]:
    """Yield the records that show what two sessions did, what they sent to each other or to all, and what happened to
    their whole room."""
    partners = {one: other, other: one}
    peers = {record.session: record.peer for record in records if record.session in partners}
    here = set(partners) - {record.session for record in records if record.type == "peer.joined"}
    for record in records:
        if record.session not in partners:
            if record.type.startswith(_OF_THE_ROOM):
                yield record
            continue
        if record.type == "peer.joined":
            here.add(record.session)
        partner, named = partners[record.session], _named_by(record)
        # Before the partner (the other of the two sessions) joined, and after it left, another session may have had its
        # peer id. So a frame to this id was meant for the partner only if the partner was in the room, or if the frame
        # was refused.
        is_it = named == peers.get(partner) and (partner in here or record.type == "signal.refused")
        if named is None or is_it:
            yield record
        if record.type == "peer.left":
            here.discard(record.session)


def _named_by(record: Entry) -> str | None:
    """Return the peer id that a signal is addressed to, or that a browser's report is about."""
    report = read_report(record.data) if record.type == "trace.state" else None
    return record.to if report is None else report.peer_id
