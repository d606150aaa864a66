"""The sidecar behaves like the original servers, except for the differences that the scripts in this folder state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.original_servers.player import Player, Which
from tests.e2e.original_servers.servers import PACKAGES, Original, own_server
from tests.kit.programs import Start

SCRIPTS = {
    f"{path.stem}: {script['name']}": (path.stem, script)
    for path in sorted(Path(__file__).parent.glob("*.json"))
    for script in json.loads(path.read_text())
}
BASES = {"peerjs": ("", ""), "y-webrtc": ("", "/ws/signaling/y-webrtc")}
"""The prefixes of the paths in the scripts: on the original server, and on the sidecar."""

GetOriginal = Callable[[str, list[str]], Original]


@pytest.fixture(scope="module")
def original(start_once: Start) -> GetOriginal:
    """A function that returns an original server with these flags. Scripts with the same flags share a server."""
    if not (PACKAGES / "peer").exists():
        pytest.skip("the npm packages are not installed: `make test` installs them")
    running: dict[str, Original] = {}

    def get(dialect: str, flags: list[str]) -> Original:
        return running.setdefault(f"{dialect} {flags}", Original(start_once, dialect, flags))

    return get


async def play(script: dict[str, Any], which: Which, url: str, server: Original | None = None) -> None:
    async def never_ends() -> int:
        raise AssertionError("the sidecar never ends by itself")

    async with aiohttp.ClientSession() as session:
        player = Player(session, url, which, server.ended if server else never_ends)
        try:
            await player.play(script["steps"])
            await player.finish()
        finally:
            await player.close()


@pytest.mark.parametrize(("dialect", "script"), SCRIPTS.values(), ids=SCRIPTS)
async def test_both_servers_do_the_same(
    original: GetOriginal, tmp_path: Path, dialect: str, script: dict[str, Any]
) -> None:
    server = original(dialect, script.get("original_flags", []))
    of_original, of_ours = BASES[dialect]
    async with own_server(tmp_path, script.get("our_settings", {})) as url:
        await asyncio.gather(
            play(script, "original", await server.url() + of_original, server), play(script, "ours", url + of_ours)
        )


def test_each_stated_difference_is_one() -> None:
    steps = [step for _, script in SCRIPTS.values() for step in script["steps"] if "differs" in step]
    assert steps
    for step in steps:
        assert step["original"] != step["ours"], step["differs"]
