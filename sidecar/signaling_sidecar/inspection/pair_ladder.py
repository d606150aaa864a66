"""The ladder of two peers of a room, and what passed between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from signaling_sidecar.diagnosis.reports import read_report
from signaling_sidecar.inspection.errors import UnknownRoom
from signaling_sidecar.inspection.ladder import Ladder
from signaling_sidecar.inspection.room_choice import RoomInLog, room_records
from signaling_sidecar.inspection.steps import Record

_OF_THE_ROOM = ("room.", "match.", "log.")
_LABELS = (("name", "peer"), ("other_name", "other"))


def pair_ladder(events: pd.DataFrame, pair: pd.Series[Any], *, fold: bool) -> Ladder:
    """Draw the two of a row of `EventLog.pairs`; raise `UnknownRoom` when they met in none of this log."""
    if pd.isna(pair["room"]):
        raise UnknownRoom("of these two (only their browsers' reports are known)", [])
    chosen = RoomInLog(pair["dialect"], pair["room"], pair["boot"])
    names = (str(pair[name] if pd.notna(pair[name]) else pair[peer]) for name, peer in _LABELS)
    records = records_between(room_records(events, chosen), pair["session"], pair["other_session"])
    return Ladder(f"{chosen.title} · {' and '.join(names)}", records, fold=fold)


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
