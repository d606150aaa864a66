"""The log of a meeting of two peers. A test adds records to it, and reads the verdict of the diagnosis.

The inspector reads the log of a running sidecar while it grows. So each log that a test of this folder has written is
read once more in this way, after the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.diagnosis_log import Story
from tests.kit.growing_log import assert_same_while_it_grows, read_log


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


@pytest.fixture(autouse=True)
def _is_the_same_while_it_grows(tmp_path: Path) -> Iterator[None]:
    yield
    for segment in tmp_path.glob("events-*.jsonl"):
        assert_same_while_it_grows(read_log([segment]))
