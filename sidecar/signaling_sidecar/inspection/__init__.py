"""Look into an event log from a notebook or a script: `open_log()`, its tables and drawings; or `connect()`."""

from signaling_sidecar.inspection.notebook_extra import notebook_extra

with notebook_extra():
    from signaling_sidecar.inspection.admin import Admin, connect
    from signaling_sidecar.inspection.dumps import Dump, open_dump
    from signaling_sidecar.inspection.event_log import EventLog, open_log
    from signaling_sidecar.inspection.ladder import Ladder
    from signaling_sidecar.inspection.mesh import Mesh
    from signaling_sidecar.inspection.reason_table import ReasonTable, reasons
    from signaling_sidecar.inspection.sdp_diff import SdpDiff
    from signaling_sidecar.inspection.timeline import Timeline

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
