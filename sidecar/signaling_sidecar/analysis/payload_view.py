"""The payload of one record for the inspector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from signaling_sidecar.analysis.log_window import Logged
from signaling_sidecar.analysis.room_view import RoomView
from signaling_sidecar.drawing import SdpDiff
from signaling_sidecar.drawing.ladder.ladder import payload_of
from signaling_sidecar.drawing.sdp_diff.sections import titled_sections
from signaling_sidecar.eventlog import FRAME_RECORDS
from signaling_sidecar.eventlog.payload import find_description
from signaling_sidecar.hub.records import present

_WITH_FRAME = (*FRAME_RECORDS, "signal.refused")


def payload_view(room: RoomView, seq: int) -> dict[str, Any] | None:
    """Return the payload of the record `seq`, with the sections of its SDP, and the differences from the description
    that the same peer has sent to the same receiver before. Returns None if the room has no such record."""
    record = room.record(seq)
    if record is None:
        return None
    shown = room.ladder().payload(seq) or payload_of(record)
    sdp = _description(record)
    sections = None if sdp is None else [{"title": title, "text": text} for title, text in titled_sections(sdp)]
    before = None if sdp is None else _before(room.all_records, record)
    diff = None
    if sdp is not None and before is not None:
        diff = SdpDiff((_title(before), _description(before) or ""), (_title(record), sdp)).to_html()
    return {**shown._asdict(), **present(sections=sections, diff=diff)}


def _before(records: Sequence[Logged], record: Logged) -> Logged | None:
    """Find the previous description that the same peer has sent to the same receiver."""
    earlier = (each for each in reversed(records) if each.seq < record.seq)
    same = (each for each in earlier if each.session == record.session and each.to == record.to)
    return next((each for each in same if _description(each) is not None), None)


def _description(record: Logged) -> str | None:
    return find_description(record.data or "") if record.type in _WITH_FRAME else None


def _title(record: Logged) -> str:
    return f"{record.seq} {record.kind}, {record.peer} to {record.to or 'all'}"
