"""What a browser or a page recorded of its own RTCPeerConnections, read from a file and joined to a log."""

from signaling_sidecar.inspection.dumps.dump import Dump, open_dump
from signaling_sidecar.inspection.dumps.join import JoinedDump, clocks_table, join_dump

__all__ = ["Dump", "JoinedDump", "clocks_table", "join_dump", "open_dump"]
