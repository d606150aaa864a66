"""Builds the packages of this checkout as they would be published, and environments in which they are installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.kit.checkout import FRONTEND, ROOT

INSTALLS_WITHIN_S = 240  # seconds; pip and npm may have to download packages, perhaps over a slow connection


def run(words: Sequence[str | Path], folder: Path) -> str:
    """Run a command that must succeed, and return what it prints."""
    done = subprocess.run(
        words,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALLS_WITHIN_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pack_npm_package(folder: Path) -> Path:
    run(["npm", "pack", "--silent", "--pack-destination", folder], FRONTEND)
    [tarball] = folder.glob("*.tgz")
    return tarball


def build_wheel(folder: Path) -> Path:
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], folder)
    [wheel] = folder.glob("*.whl")
    return wheel


def new_environment(folder: Path, *requirements: str | Path) -> Path:
    """Create a virtual environment in this folder, install these requirements, and return its Python.

    The pip of the tests installs them, and does not compile modules, because this halves the CPU time.
    """
    python = folder / ".venv" / "bin" / "python"
    run([sys.executable, "-m", "venv", "--without-pip", ".venv"], folder)
    pip = [sys.executable, "-m", "pip", "--python", python]
    run([*pip, "install", "--quiet", "--no-compile", *requirements], folder)
    return python
