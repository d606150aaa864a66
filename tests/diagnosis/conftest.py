"""The fixture `story`: a log of two peers in a room, to which a test adds records before it reads the verdict.

After each test of this folder, the log that it has written is also read record by record, as the inspector reads the
growing log of a running sidecar. The diagnosis must be the same.
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
