"""The settings file, which is read again whenever it is saved."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from signaling_sidecar.errors import SettingsError
from signaling_sidecar.reload.saves import saves
from signaling_sidecar.settings import Settings, Sources, all_settings

logger = logging.getLogger("signaling_sidecar")


async def watch_settings(sources: Sources, settings: Settings, apply: Callable[[Settings, list[str]], None]) -> None:
    """Call `apply` with new settings, and the names of those that are others, until cancelled.

    What cannot change while the sidecar runs stays as it is in `settings`, and that is said.
    """
    async for _ in saves(sources.file):
        try:
            wanted = sources.load()
        except SettingsError as error:
            logger.error("%s; the settings from before go on", error)
            continue
        changed: dict[str, Any] = {}
        waiting: list[str] = []
        for each, _kind in all_settings():
            value = getattr(wanted, each.name)
            if value != getattr(settings, each.name):
                if each.metadata["live"]:
                    changed[each.name] = value
                else:
                    waiting.append(each.name)
        if waiting:
            logger.warning("%s: another value needs a restart of the sidecar", ", ".join(waiting))
        if changed:
            settings = replace(settings, **changed)
            apply(settings, list(changed))
            logger.info("in use from %s: %s", sources.file, ", ".join(changed))
