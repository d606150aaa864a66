"""A sidecar with a settings file that a test can change and save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server import Sidecar
from signaling_sidecar.settings import Sources
from tests.kit.programs import until
from tests.kit.serving import Served


async def following(client: AiohttpClient, file: Path, **flags: Any) -> Served:
    """Serve a sidecar whose settings file is `file`."""
    sources = Sources({"project": str(file.parent), "state_dir": str(file.parent / "state"), **flags}, {})
    sidecar = Sidecar(sources.load(), sources)
    return Served(await client(sidecar.app()), sidecar)


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def save(served: Served, file: Path, text: str) -> None:
    before = len(served.records("settings.changed"))
    write(file, text)
    await until(lambda: len(served.records("settings.changed")) > before, "the new settings are in use")
