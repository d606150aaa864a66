"""Creates the event log of this run, and applies changed settings to it."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from signaling_sidecar import __version__
from signaling_sidecar.eventlog import LogFiles, LogWriter
from signaling_sidecar.eventlog.log_files import Options
from signaling_sidecar.hub import Hub, RoomRules, checkpoint
from signaling_sidecar.settings import Settings, all_settings

LOOK_EVERY_S = 0.5  # seconds between two checks of the log's file: its deletion should be noticed within a second

logger = logging.getLogger("signaling_sidecar")


def log_of(
    hub: Hub, settings: Settings, rules: Mapping[str, RoomRules], folder: Path, boot: str, claim: Callable[[], None]
) -> LogWriter:
    """Create the log of a run, without opening it yet. Must be called in a running event loop."""
    loop = asyncio.get_running_loop()
    return LogWriter(
        folder,
        boot,
        checkpoint=lambda: checkpoint(hub, loop.time()),
        payloads=settings.payloads,
        **log_options(settings, rules, claim),
    )


def log_options(settings: Settings, rules: Mapping[str, RoomRules], claim: Callable[[], None]) -> Options:
    """Return the options that the logs of a single sidecar and of a cluster have in common.

    The log calls `claim` before it begins a segment in a folder that may have been deleted or replaced.
    """
    return Options(
        header=_header(settings),
        segment_bytes=settings.log_segment_bytes,
        total_bytes=settings.log_total_bytes,
        keep_s=longest_grace_s(rules),
        complain=partial(logger.warning, extra={"code": "event-log"}),
        claim=claim,
    )


def apply_settings(log: LogFiles, settings: Settings, rules: Mapping[str, RoomRules]) -> None:
    """Apply changed settings to an open log."""
    log.segment_bytes, log.total_bytes = settings.log_segment_bytes, settings.log_total_bytes
    log.keep_s = longest_grace_s(rules)


def longest_grace_s(rules: Mapping[str, RoomRules]) -> float:
    """Return the longest time for which a peer of any dialect may be away. The log must be kept for at least this
    time."""
    return max(each.endings.longest_grace_s for each in rules.values())


def _header(settings: Settings) -> dict[str, Any]:
    shown = {
        each.name: value
        for each, kind in all_settings()
        if not kind.is_secret and not isinstance(value := getattr(settings, each.name), Path)
    }
    return {
        "version": __version__,
        "python": platform.python_version(),
        "aiohttp": aiohttp.__version__,
        "pid": os.getpid(),
        "project": str(settings.project),
        "settings": shown,
    }
