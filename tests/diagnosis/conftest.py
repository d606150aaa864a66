"""The log of a meeting of two peers. A test adds records to it, and reads the verdict of the diagnosis."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.diagnosis_log import Story


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)
