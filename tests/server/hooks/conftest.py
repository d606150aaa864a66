"""A fixture with the path of a test's hooks file."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "signaling_hooks.py"
