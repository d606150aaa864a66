"""Describes in words the records about the sidecars of a cluster. The ladder of every room shows these records."""

from __future__ import annotations

import msgspec

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.diagnosis.record_data import read_data

CLUSTER_EVENTS = ("instance.joined", "instance.left", "owner.changed")
"""The types of the records about the sidecars of a cluster."""


class _Instance(msgspec.Struct):
    instance: int
    stopped: bool = False
    before: int | None = None


def cluster_event(entry: Entry) -> str | None:
    """Return a sentence about a record whose type is in `CLUSTER_EVENTS`. Returns None for other records, and for a
    record that reports no change."""
    about = read_data(entry.data, _Instance) if entry.type in CLUSTER_EVENTS else None
    if about is None:
        return None
    match entry.type:
        case "instance.joined":
            return f"sidecar {about.instance} joined the cluster"
        case "instance.left":
            return f"sidecar {about.instance} of the cluster {'stopped' if about.stopped else 'was lost'}"
        case "owner.changed" if about.before != about.instance:
            return f"sidecar {about.instance} has the rooms now"
    return None
