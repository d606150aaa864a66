"""Waiting until a file is saved."""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from signaling_sidecar.reload import saves as module_of_saves
from signaling_sidecar.reload.saves import saves

WITHIN_S = 20.0


async def test_a_save_counts_that_happens_while_the_watcher_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sidecar.toml"
    file.write_text("max_rooms = 1")

    def import_and_save(name: str) -> ModuleType:
        file.write_text("max_rooms = 10")
        return import_module(name)

    monkeypatch.setattr(module_of_saves, "import_module", import_and_save)
    async with asyncio.timeout(WITHIN_S):
        await anext(saves(file))


async def test_a_save_counts_that_happens_after_that_and_before_the_watch_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sidecar.toml"
    file.write_text("max_rooms = 1")

    def import_and_save(name: str) -> ModuleType:
        file.write_text("max_rooms = 10")
        return import_module(name)

    monkeypatch.setattr(module_of_saves, "import_module", import_and_save)
    async with asyncio.timeout(WITHIN_S):
        found = saves(file)
        await anext(found)
        file.write_text("max_rooms = 100")  # the generator waits for the next call, so nothing is watched yet
        await anext(found)
