"""The event log on disk: its lines, its segments, and the private folder they live in."""

from signaling_sidecar.eventlog.line import SCHEMA_VERSION, Line
from signaling_sidecar.eventlog.writer import LogWriter

__all__ = ["SCHEMA_VERSION", "Line", "LogWriter"]
