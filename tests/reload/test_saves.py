"""`saves` waits until a file is saved."""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from signaling_sidecar.reload import saves as module_of_saves
from signaling_sidecar.reload.saves import saves, version

WITHIN_S = 20.0


def save(file: Path, rooms: int) -> None:
    file.write_text(f"max_rooms = {rooms}")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is saved while `saves` imports the watcher."""
    file = tmp_path / "sidecar.toml"
    save(file, 1)

    def import_and_save(name: str) -> ModuleType:
        save(file, 10)
        return import_module(name)

    monkeypatch.setattr(module_of_saves, "import_module", import_and_save)
    return file


async def test_a_save_counts_that_happens_while_the_watcher_is_imported(file: Path) -> None:
    async with asyncio.timeout(WITHIN_S):
        await anext(saves(file, version(file)))


async def test_a_save_counts_that_happens_after_that_and_before_the_watch_begins(file: Path) -> None:
    async with asyncio.timeout(WITHIN_S):
        found = saves(file, version(file))
        await anext(found)
        save(file, 100)  # `saves` has yielded and is suspended, so it has not begun to watch
        await anext(found)


async def test_a_save_counts_in_a_folder_that_is_created_later(tmp_path: Path) -> None:
    file = tmp_path / "later" / "sidecar.toml"
    async with asyncio.timeout(WITHIN_S):
        saved = asyncio.ensure_future(anext(saves(file, version(file))))
        await asyncio.sleep(0)
        file.parent.mkdir()
        save(file, 1)
        await saved


async def test_a_save_counts_after_a_time_in_which_the_file_was_a_link_to_itself(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.toml"
    file.symlink_to(file)
    async with asyncio.timeout(WITHIN_S):
        saved = asyncio.ensure_future(anext(saves(file, version(file))))
        await asyncio.sleep(0)
        file.unlink()
        save(file, 1)
        await saved
