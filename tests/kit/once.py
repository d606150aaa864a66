"""Lets one worker of pytest create a folder that all workers use, because creating it takes long."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """Return a folder that all workers share, and that `fill` has filled once. Tests must not change its content."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, is_filled = shared / name, shared / f"{name}.filled"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_filled.exists():
            shutil.rmtree(folder, ignore_errors=True)  # files of a worker whose `fill` failed
            folder.mkdir()
            fill(folder)
            is_filled.touch()
    return folder
