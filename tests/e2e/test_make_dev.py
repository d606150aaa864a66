"""`make dev` works on a machine that only has Python, Node and make."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import aiohttp
import pytest

from tests.kit.checkout import FRONTEND, ROOT
from tests.kit.programs import IN_A_TERMINAL, Start, command_of, is_running, until
from tests.kit.sites import LISTENS, sidecar_in, url_in

INSTALLS_WITHIN_S = 240.0  # seconds; pip and npm download everything, perhaps over a slow connection
MADE_HERE = (".git", ".venv", "node_modules", "dist", ".*cache", ".hypothesis", "__pycache__", "test-results")
CTRL_C = "\x03"


def fresh_clone(folder: Path) -> Path:
    return Path(shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*MADE_HERE)))


def copy_npm_packages(clone: Path) -> None:
    """Copy the installed npm packages into the clone, so that npm only checks them, and does not download them.

    `.package-lock.json` is not copied, because make would take it as a sign that npm need not run.
    """
    modules = FRONTEND / "node_modules"
    apart = shutil.ignore_patterns(".package-lock.json", ".vite*")
    shutil.copytree(modules, clone / modules.relative_to(ROOT), symlinks=True, ignore=apart)


async def test_make_dev_sets_everything_up_and_ctrl_c_ends_it_all(start: Start, tmp_path: Path) -> None:
    clone = fresh_clone(tmp_path / "my vidéo app")
    copy_npm_packages(clone)
    as_on_a_new_machine = {"PATH": os.environ["PATH"], "VIRTUAL_ENV": None, "MAKEFLAGS": None, "SIDECAR_RELOAD": None}
    for_downloads = {"NODE_EXTRA_CA_CERTS": os.environ.get("NODE_EXTRA_CA_CERTS")}
    without_compiling = {"PIP_NO_COMPILE": "1"}  # saves the time for compiling modules that are never imported
    terminal = await start(
        [*IN_A_TERMINAL, "make", "dev"], clone, as_on_a_new_machine | for_downloads | without_compiling
    )
    await terminal.line(LISTENS, within_s=INSTALLS_WITHIN_S)
    assert terminal.count(r"npm install") == 1
    sidecar = await sidecar_in(terminal)
    url = await url_in(terminal)
    await terminal.line(r"Signaling:\s+ws://localhost:\d+/ws/signaling$")
    async with aiohttp.ClientSession() as session, session.get(f"{url}ws/signaling/rooms") as answer:
        assert await answer.json() == {"rooms": []}
    assert str(clone / ".venv" / "bin") in command_of(sidecar.pid)
    packages = {path.name for path in clone.glob(".venv/lib/*/site-packages/*")}
    assert "aiohttp" in packages
    assert packages.isdisjoint({"pandas", "pyarrow", "ipywidgets", "pytest"})

    terminal.type(CTRL_C)
    await terminal.ended()
    await until(lambda: not is_running(sidecar.pid), "the sidecar has ended")
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)

    second = await start(["make", "--dry-run", "dev"], clone, as_on_a_new_machine)
    await second.line(r"vite\.js demo")
    assert await second.ended() == 0
    [command_line] = second.lines  # make does not repeat the setup
    assert "vite.js demo" in command_line
    on_the_lan = await start(["make", "--dry-run", "dev-lan"], clone, as_on_a_new_machine)
    await on_the_lan.line(r"--mode lan")
    assert await on_the_lan.ended() == 0
    assert on_the_lan.lines == [f"{command_line} --mode lan"]
