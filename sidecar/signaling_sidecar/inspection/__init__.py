"""Inspect the sidecar from a notebook or a script: `open_log()` reads an event log, and `connect()` finds a running
sidecar."""

from signaling_sidecar.inspection.notebook_extra import notebook_extra

with notebook_extra():
    from signaling_sidecar.drawing import Mesh, SdpDiff, Timeline
    from signaling_sidecar.inspection.dumps import Dump, open_dump
    from signaling_sidecar.inspection.event_log import EventLog, open_log
    from signaling_sidecar.inspection.live.admin import Admin, connect
    from signaling_sidecar.inspection.live.ladder import Ladder
    from signaling_sidecar.inspection.tables.reason_table import ReasonTable, reasons

__all__ = [
    "Admin",
    "Dump",
    "EventLog",
    "Ladder",
    "Mesh",
    "ReasonTable",
    "SdpDiff",
    "Timeline",
    "connect",
    "open_dump",
    "open_log",
    "reasons",
]
