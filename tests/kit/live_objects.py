"""Counting what a sidecar in this process holds, to find what it does not release."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter

from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.resumption import Resumption
from signaling_sidecar.server.sockets.connection import Connection
from signaling_sidecar.server.sockets.websocket import WebSocket

TEMPORARY = {Room, Session, Resumption, Connection, WebSocket}


def temporary_objects() -> list[object]:
    gc.collect()
    return [each for each in gc.get_objects() if type(each) in TEMPORARY]  # isinstance would take much longer


def live() -> Counter[str]:
    """Return the numbers of temporary objects in memory, of tasks, and of open files."""
    found = Counter(type(each).__name__ for each in temporary_objects())
    found["tasks"] = len(asyncio.all_tasks())
    found["descriptors"] = len(os.listdir("/dev/fd"))
    return found
