"""Reads the files in which browsers record their RTCPeerConnections, and joins them to a log."""

from signaling_sidecar.inspection.dumps.dump import Dump, open_dump
from signaling_sidecar.inspection.dumps.join import JoinedDump, clocks_table, join_dump

__all__ = ["Dump", "JoinedDump", "clocks_table", "join_dump", "open_dump"]
