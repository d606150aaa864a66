"""Finds the session descriptions that `EventLog.sdp_diff` compares."""

from __future__ import annotations

from numbers import Integral
from typing import Any, TypeAlias

import pandas as pd

from signaling_sidecar.eventlog import FRAME_RECORDS
from signaling_sidecar.eventlog.payload import find_description
from signaling_sidecar.inspection.errors import NoDescription, UnknownRecord
from signaling_sidecar.inspection.named_room import wrong_row
from signaling_sidecar.inspection.tables.text_dtype import TEXT

Chosen: TypeAlias = "int | tuple[str, int] | str | pd.Series[Any]"
"""A session description, given by the `seq` of its signal, by the boot (its first characters are enough) and the `seq`,
by a row of `signals`, or as the SDP itself."""


def find_sdp(events: pd.DataFrame, chosen: Chosen) -> tuple[str, str]:
    """Return a title and the SDP of the chosen description. Raises `UnknownRecord` and `NoDescription`."""
    if isinstance(chosen, str):
        if not chosen.startswith("v=0"):
            raise NoDescription(f"the text {chosen[:40]!r}")
        return "SDP", chosen
    boot, seq = _record_of(chosen)
    signals = events[(events["seq"] == seq) & events["type"].isin([*FRAME_RECORDS, "signal.refused"])]
    found = signals[signals["boot"].astype(TEXT).str.startswith(boot)]
    if len(found) != 1:
        choices = [f"({each!r}, {seq})" for each in found["boot"].astype(TEXT)]
        raise UnknownRecord(f"{(boot, seq)!r}" if boot else str(seq), choices)
    (row,) = found.astype(object).where(found.notna(), None).to_dict("records")
    sdp = find_description(row["data"] or "")
    if sdp is None:
        raise NoDescription(f"record {seq} ({row['kind'] or row['type']})")
    return f"{seq} {row['kind']}, {row['peer']} to {row['to'] or 'all'}", sdp


def _record_of(chosen: object) -> tuple[str, int]:
    match chosen:
        case Integral():
            return "", int(chosen)
        case (str() as boot, Integral() as seq):
            return boot, int(seq)
        case pd.Series() if {"boot", "seq"} <= set(chosen.index):
            return str(chosen["boot"]), int(chosen["seq"])
    raise TypeError(
        "a description must be a row of `signals`, its `seq`, `(boot, seq)` or an SDP as a string, "
        f"not {wrong_row(chosen, 'boot', 'seq')}"
    )
