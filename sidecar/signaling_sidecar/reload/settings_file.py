"""Read the settings file again whenever it is saved."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from signaling_sidecar.errors import SettingsError
from signaling_sidecar.reload.saves import UNREAD, saves
from signaling_sidecar.settings import Settings, Sources, all_settings

logger = logging.getLogger("signaling_sidecar")


async def watch_settings(sources: Sources, settings: Settings, apply: Callable[[Settings, list[str]], None]) -> None:
    """Whenever a save of the file changes settings, call `apply` with all settings and the names of the changed ones.

    Runs until the task is cancelled. Settings that cannot change while the sidecar runs keep their value from
    `settings`, and a warning names them.
    """
    # The file is read again at once, because it may have been saved while the sidecar was starting.
    async for _ in saves(sources.link, UNREAD):
        try:
            wanted = sources.load()
        except SettingsError as error:
            logger.error("%s; the previous settings stay in use", error, extra={"code": error.code})
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
            logger.warning(
                "%s: restart the sidecar to use the new value", ", ".join(waiting), extra={"code": "settings-wait"}
            )
        if changed:
            settings = replace(settings, **changed)
            apply(settings, list(changed))
            logger.info("now in use from %s: %s", sources.file, ", ".join(changed), extra={"code": "settings-used"})
