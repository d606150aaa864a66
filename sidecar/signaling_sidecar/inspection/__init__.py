"""Look into an event log from a notebook or a script: `open_log()`, then its tables and its ladder; or `connect()`."""

from signaling_sidecar.inspection.notebook_extra import notebook_extra

with notebook_extra():
    from signaling_sidecar.inspection.admin import Admin, connect
    from signaling_sidecar.inspection.event_log import EventLog, open_log
    from signaling_sidecar.inspection.ladder import Ladder

__all__ = ["Admin", "EventLog", "Ladder", "connect", "open_log"]
