"""A fixture that sets the time zone of a test."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest


@pytest.fixture
def _far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The local time is eleven hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "FAR-11")
        time.tzset()
        yield
    time.tzset()
