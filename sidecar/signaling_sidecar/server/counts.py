"""Counts records and relayed frames at the owner, for `/metrics`.

Counting must be fast, because it is done for every relayed frame. All keys of the counts are from small fixed sets, so
a client cannot add keys.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from signaling_sidecar.hub.effects import Record


class Counts:
    def __init__(self) -> None:
        self.relays: defaultdict[str | None, int] = defaultdict(int)
        """The relayed frames by dialect."""
        self.refusals: Counter[tuple[str | None, str]] = Counter()
        """The refused frames by dialect and error code."""
        self.hook_failures: Counter[str] = Counter()
        """The failures of hooks by the name of the hook."""
        self.records: Counter[str] = Counter()
        """The records by type, without `signal.relayed`."""

    def add(self, record: Record) -> None:
        """Count a record of any type except `signal.relayed`."""
        self.records[record.type] += 1
        data: Mapping[str, Any] = record.data if isinstance(record.data, Mapping) else {}
        match record.type:
            case "signal.refused":
                self.refusals[record.dialect, data["code"]] += data["count"]
            case "hook.failed":
                self.hook_failures[str(data.get("hook"))] += 1
