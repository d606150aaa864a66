"""A sidecar with a hooks file that a test can change and save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_aiohttp.plugin import AiohttpClient

from tests.kit.serving import Served, serve


def save(file: Path, code: str) -> None:
    file.write_text(code)


def remove(file: Path) -> None:
    file.unlink()


async def hooked(client: AiohttpClient, file: Path, code: str, **settings: Any) -> Served:
    save(file, code)
    return await serve(client, file.parent / "state", hooks=file, **settings)
