"""A story of two peers, which a test continues and asks for its verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.diagnosis_log import Story


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)
