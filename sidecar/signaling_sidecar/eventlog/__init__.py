"""The event log on disk: its records, its files (segments), and the private state folder that contains them."""

from signaling_sidecar.eventlog.line import SCHEMA_VERSION, Line
from signaling_sidecar.eventlog.line_maker import LineMaker
from signaling_sidecar.eventlog.log_files import LogFiles
from signaling_sidecar.eventlog.writer import LogWriter
from signaling_sidecar.hub.effects import FRAME_RECORDS
from signaling_sidecar.hub.messages import EXPIRED, REVOKED

__all__ = [
    "EXPIRED",
    "FRAME_RECORDS",
    "REVOKED",
    "SCHEMA_VERSION",
    "Line",
    "LineMaker",
    "LogFiles",
    "LogWriter",
]
