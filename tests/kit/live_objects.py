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


def forget_earlier_objects() -> None:
    """Let `live` find no objects that exist now, such as those of earlier tests. They are not looked through either,
    which would take a tenth of a second each time."""
    gc.collect()
    gc.freeze()


def live() -> Counter[str]:
    """Return the numbers of temporary objects in memory, of tasks, and of open files."""
    gc.collect()
    # isinstance would take much longer
    found = Counter(type(each).__name__ for each in gc.get_objects() if type(each) in TEMPORARY)
    found["tasks"] = len(asyncio.all_tasks())
    found["descriptors"] = len(os.listdir("/dev/fd"))
    return found
