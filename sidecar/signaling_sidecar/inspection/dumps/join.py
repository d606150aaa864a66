"""Joins a dump to a log: adds its reports to the log's records, as if the pages had sent them to the sidecar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pandas as pd

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.diagnosis.reports import Connections
from signaling_sidecar.inspection.dumps.clock import Clock, compare_clocks
from signaling_sidecar.inspection.dumps.dump import Dump, entry_of
from signaling_sidecar.inspection.tables.appended_rows import with_rows
from signaling_sidecar.inspection.tables.entries import entries_of
from signaling_sidecar.inspection.tables.text_dtype import TEXT
from signaling_sidecar.inspection.tables.utc_times import utc_times
from signaling_sidecar.untrusted_text import visible

# This pattern matches a ufrag in the JSON of a description, candidate, summary or report. Some programs write a
# backslash before `/` in JSON.
_UFRAG = r"(?:[uU]frag|usernameFragment)\W+((?:[\w+/]|\\/)+)"


class JoinedDump(NamedTuple):
    """A dump, and the difference between its clock and the log's."""

    dump: Dump
    clock: Clock
    told: frozenset[tuple[float, str | None]]
    """The time by the browser's clock and the data of each report that this dump and earlier ones have added."""
    pages: Mapping[str, str]
    """By the ids of the connections of this dump and earlier ones, the names of their pages in the log."""

    def __str__(self) -> str:
        return f"with {visible(self.dump.name)} ({self.dump.connection_count}, {self.clock})"


def join_dump(events: pd.DataFrame, dump: Dump, earlier: Sequence[JoinedDump]) -> tuple[pd.DataFrame, JoinedDump]:
    """Add the reports of a dump to the `events` of a log, with their times by the log's clock. Reports that an
    `earlier` dump of the same page has added are left out."""
    ufrags = {ufrag for each in dump.by_connection.values() for ufrag in (*each.ufrags, *each.remote_ufrags)}
    clock = compare_clocks(dump.recorded, _naming(ufrags, events, "signal.relayed"))
    traced = _traced(_naming(ufrags, events, "trace.state"))
    ids = {
        id_: next((traced[ufrag] for ufrag in sorted(connection.ufrags) if ufrag in traced), f"{dump.path} {id_}")
        for id_, connection in dump.by_connection.items()
    }
    pages = dict(earlier[-1].pages) if earlier else {}
    # The browsers of two machines may use the same name, such as `10-1`, for different connections.
    pages |= {id_: id_ if name in pages.values() else name for name, id_ in ids.items() if id_ not in pages}
    reports = [
        (event, msgspec.structs.replace(report, pc=id_, page=pages[id_]))
        for event, report in dump.reports
        for id_ in [ids[report.pc or ""]]
    ]
    told = earlier[-1].told if earlier else frozenset[tuple[float, str | None]]()
    entries = [(event.ts, entry_of(event, report, clock.offset_s)) for event, report in reports]
    new = [entry for ts, entry in entries if (ts, entry.data) not in told]
    told = told.union((ts, entry.data) for ts, entry in entries)
    return _merged(events, new), JoinedDump(dump, clock, told, pages)


def _naming(ufrags: set[str], events: pd.DataFrame, type_: str) -> list[Entry]:
    """Find the records of a type that contain one of the ufrags, without decoding all records of a large log."""
    data = events["data"][events["type"] == type_]
    first = data.str.extract(_UFRAG, expand=False).str.replace("\\", "", regex=False)
    return list(entries_of(events.loc[data.index[first.isin(ufrags)]]))


def _traced(entries: list[Entry]) -> dict[str, str]:
    """Return, by ufrag, the ids of the connections about which the log already has reports. Reports of the dump about
    these connections get the same ids."""
    connections = Connections()
    for entry in entries:
        connections.add(entry)
    return {ufrag: id_ for id_, connection in connections.by_id.items() for ufrag in connection.ufrags}


def _merged(events: pd.DataFrame, entries: list[Entry]) -> pd.DataFrame:
    """Insert entries into the records of a log. Each entry is inserted after the last earlier record, and gets the boot
    of this record."""
    rows = pd.DataFrame(
        {
            "v": 1,
            "seq": [entry.seq for entry in entries],
            "time": utc_times(pd.Series([entry.ts for entry in entries], dtype="float64")),
            "type": [entry.type for entry in entries],
            "kind": [entry.kind for entry in entries],
            "data": [entry.data for entry in entries],
        }
    ).reindex(columns=events.columns)
    # The records of a boot keep their order, even if its clock was set back.
    reached = events["time"].cummax()
    places = reached.searchsorted(rows["time"], side="right")
    if len(events):
        rows["boot"] = events["boot"].iloc[np.maximum(places - 1, 0)].astype(object).to_numpy()
    order = np.argsort(np.concatenate([np.arange(len(events)), places - 0.5]), kind="stable")
    return with_rows(events, rows).iloc[order].reset_index(drop=True)


def clocks_table(joined: Sequence[JoinedDump]) -> pd.DataFrame:
    """Make the table that `EventLog.clocks` documents."""
    rows = [(dump.path, *clock, clock.offset_s, clock.uncertainty_s, str(clock)) for dump, clock, *_ in joined]
    bounds = ["at_least_s", "at_most_s", "offset_s", "uncertainty_s"]
    table = pd.DataFrame(rows, columns=["dump", "matches", *bounds, "sentence"])
    return table.astype({"dump": TEXT, "matches": "int64", **dict.fromkeys(bounds, "float64"), "sentence": TEXT})
