"""The difference of two session descriptions, in a notebook and in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from signaling_sidecar.eventlog.payload import find_description
from signaling_sidecar.inspection.errors import NoDescription, UnknownRecord
from signaling_sidecar.inspection.sdp_diff_html import sdp_diff_html
from signaling_sidecar.inspection.sdp_sections import Mark, Row, Section, compare
from signaling_sidecar.inspection.text_dtype import TEXT
from signaling_sidecar.untrusted_text import visible

Chosen = int | tuple[str, int] | str
"""A signal by its `seq` or its boot (the first characters do) and `seq`, or an SDP itself."""


class SdpDiff:
    """Two session descriptions beside each other, section by section; ICE credentials and fingerprints are short.

    A notebook shows two columns, `print` a unified diff. Nothing in either needs the network or a script.
    """

    def __init__(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        (self.title, sdp), (self.other_title, other_sdp) = one, other
        self.sections: Sequence[Section] = compare(sdp, other_sdp)

    def __str__(self) -> str:
        return "\n".join([f"--- {visible(self.title)}", f"+++ {visible(self.other_title)}", *self._lines()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return sdp_diff_html(self.title, self.other_title, self.sections)

    def _lines(self) -> Iterator[str]:
        for section in self.sections:
            yield f"@@ {visible(section.title)} @@"
            for row in section.rows:
                yield from _unified(row)


def _unified(row: Row) -> Iterator[str]:
    if row.mark is Mark.SAME:
        yield f" {visible(row.one or '')}"
        return
    if row.one is not None:
        yield f"-{visible(row.one)}"
    if row.other is not None:
        yield f"+{visible(row.other)}"


def find_sdp(events: pd.DataFrame, chosen: Chosen) -> tuple[str, str]:
    """Give a title and the SDP of what was chosen. Raises `UnknownRecord` and `NoDescription`."""
    if isinstance(chosen, str):
        if not chosen.startswith("v=0"):
            raise NoDescription(f"the text {chosen[:40]!r}")
        return "SDP", chosen
    boot, seq = chosen if isinstance(chosen, tuple) else ("", chosen)
    signals = events[(events["seq"] == seq) & events["type"].isin(["signal.relayed", "signal.refused"])]
    found = signals[signals["boot"].astype(TEXT).str.startswith(boot)]
    if len(found) != 1:
        choices = [f"({each!r}, {seq})" for each in found["boot"].astype(TEXT)]
        raise UnknownRecord(f"{(boot, seq)!r}" if boot else str(seq), choices)
    (row,) = found.astype(object).where(found.notna(), None).to_dict("records")
    sdp = find_description(row["data"] or "")
    if sdp is None:
        raise NoDescription(f"record {seq} ({row['kind'] or row['type']})")
    return f"{seq} {row['kind']}, {row['peer']} to {row['to'] or 'all'}", sdp
