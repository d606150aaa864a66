"""The ladder of two peers of a room, and what passed between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.diagnosis.reports import read_report
from signaling_sidecar.inspection.errors import UnknownRoom
from signaling_sidecar.inspection.ladder import Ladder
from signaling_sidecar.inspection.room_choice import RoomInLog, room_records
from signaling_sidecar.inspection.steps import Record

_OF_THE_ROOM = ("room.", "match.", "log.")


def pair_ladder(events: pd.DataFrame, pair: pd.Series[Any], *, fold: bool) -> Ladder:
    """Draw the two of a row of `EventLog.pairs`; raise `UnknownRoom` when they met in none of this log."""
    if pd.isna(pair["room"]):
        raise UnknownRoom("of these two (only their browsers' reports are known)", [])
    chosen = RoomInLog(pair["dialect"], pair["room"], pair["boot"])
    of_room = room_records(events, chosen)
    labels = PeerLabels()  # of the whole room: whom another has the name of is called the same in all views
    for record in of_room:
        if record.peer is not None and record.session is not None:
            labels.take(record.type, record.time.timestamp(), record.peer, record.data)
    names = " and ".join(labels.of(pair[peer]) for peer in ("peer", "other"))
    records = records_between(of_room, pair["session"], pair["other_session"])
    return Ladder(f"{chosen.title} · {names}", records, fold=fold, labels=labels)


def records_between(records: Sequence[Record], one: str, other: str) -> Iterator[Record]:
    """Keep what the two sessions did, said to each other or to all, and what happened to their whole room."""
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
        # Before it came and after it left, its id may be somebody else's; what was refused then was for nobody else.
        is_it = named == peers.get(partner) and (partner in here or record.type == "signal.refused")
        if named is None or is_it:
            yield record
        if record.type == "peer.left":
            here.discard(record.session)


def _named_by(record: Record) -> str | None:
    """Whom a signal is to, or a report about."""
    report = read_report(record.data) if record.type == "trace.state" else None
    return record.to if report is None else report.peer_id
