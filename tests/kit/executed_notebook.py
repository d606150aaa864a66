"""Runs each notebook once for all tests that look at its outputs, because starting a kernel and pandas takes long."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from signaling_sidecar.eventlog.state_dir import project_state_dir
from tests.kit.checkout import NOTEBOOKS
from tests.kit.once import once

TIMEOUT_S = 60  # seconds for each cell; the slowest takes 2 s on a laptop: it starts Python and imports pandas


def executed_notebook(factory: pytest.TempPathFactory, name: str) -> Path:
    """Run the notebook with this name from top to bottom in a new kernel. Returns a copy of it with all outputs."""
    return once(factory, f"executed-{name}", partial(_execute, name)) / name


def _execute(name: str, folder: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    client = NotebookClient(notebook, timeout=TIMEOUT_S, resources={"metadata": {"path": str(NOTEBOOKS)}})
    asyncio.run(client.async_execute())  # `execute` would leave an event loop open in a thread
    assert not project_state_dir(NOTEBOOKS).exists(), "the sidecar of a notebook became that of the project"
    nbformat.write(notebook, folder / name)
