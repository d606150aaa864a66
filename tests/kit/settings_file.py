"""A sidecar with a settings file that a test can change and save."""

from __future__ import annotations

import shutil
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


def mount(file: Path, version: str, text: str) -> None:
    """Put a version of the file in the place of the one before, as Kubernetes does with a ConfigMap or Secret.

    `file` is a link to a file below `..data`, which is a link to the folder of a version. Only `..data` is replaced.
    """
    new, data = file.with_name(version), file.with_name("..data")
    new.mkdir()
    (new / file.name).write_text(text)
    before = data.resolve()
    data.with_name("..data_tmp").symlink_to(new.name)
    data.with_name("..data_tmp").replace(data)
    if file.is_symlink():
        shutil.rmtree(before)
    else:
        file.symlink_to(f"..data/{file.name}")
