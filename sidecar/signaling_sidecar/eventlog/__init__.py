"""The event log on disk: its lines, its segments, and the private folder they live in."""

from signaling_sidecar.eventlog.line import SCHEMA_VERSION, Line
from signaling_sidecar.eventlog.writer import LogWriter
from signaling_sidecar.hub.effects import FRAME_RECORDS

__all__ = ["FRAME_RECORDS", "SCHEMA_VERSION", "Line", "LogWriter"]
