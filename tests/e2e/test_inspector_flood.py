"""The page of the inspector stays small and up to date while very much happens, and comes back after a restart."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e.inspector_page import Inspector, open_inspector
from tests.e2e.plain_peers import Join
from tests.kit.killable_sidecar import KillableSidecar
from tests.kit.programs import Start
from tests.kit.sites import Sidecar, start_sidecar, write_project

RECORDS = 200_000
A_SCREEN = 200  # rows that a page may have as elements, whatever the number of records
A_SECOND = 1000  # signals
"""Signals of different kinds, because equal ones would share one row."""


async def flood(sidecar: Sidecar, join: Join, signals: int, per_burst: int = A_SECOND) -> AsyncIterator[int]:
    """Let two peers send signals, which all become records. Yields after each burst."""
    ann = await join(sidecar, "bar", "ann")
    ben = await join(sidecar, "bar", "ben")
    for begun in range(0, signals, per_burst):
        for number in range(begun, begun + per_burst):
            await ann.send_json({"type": "signal", "to": "ben", "number": number})
        for _ in range(per_burst):
            await ben.receive()
        yield begun + per_burst
