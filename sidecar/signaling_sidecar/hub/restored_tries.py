"""Restores the counted tries to enter rooms, in dialects that limit their number (`entry_limits.py`)."""

from __future__ import annotations

from collections.abc import Mapping

from signaling_sidecar.hub.checkpoint import Checkpoint
from signaling_sidecar.hub.entry_limits import Try
from signaling_sidecar.hub.hub import Hub
from signaling_sidecar.hub.restoration import Past, RecordData, Restoration, Verb


class RestoredTries:
    """Restores the tries of the entry limits. Until `finish` is called, their times are by the log's clock."""

    def __init__(self, hub: Hub) -> None:
        self._limits = hub.entry_limits
        self.verbs: Mapping[str, Verb] = {"entry.tried": self._tried}

    def from_checkpoint(self, state: Checkpoint, ts: float) -> None:
        """Count the tries in a checkpoint that was written at `ts`."""
        for each in state.tries:
            limits = self._limits.get(each.dialect)
            if limits is not None:
                limits.count(Try(ts - each.s_ago, each.connection, each.remote, each.is_first))

    def finish(self, restoration: Restoration, now_s: float) -> None:
        """Convert the times of all tries to hub time (`now_s`), and forget the connections that are not open any
        more."""
        for _, limits in self._limits:
            limits.convert_times(lambda ts: now_s - restoration.ago_s(ts))
            for connection in limits.connections:
                if restoration.living(connection) is None:
                    limits.forget(connection)

    def _tried(self, record: Past, data: RecordData) -> None:
        limits = self._limits.get(record.dialect or "")
        if limits is not None and record.connection is not None:
            limits.count_again(record.connection, data.remote, record.ts)
