"""The pytest plugin, with the fixture `sidecar`. It is loaded in every run of pytest, so it imports nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from signaling_sidecar.testing import TestSidecar


@pytest.fixture(scope="session")
def sidecar_options() -> Sequence[str]:
    """The options of `sidecar serve` for the fixture `sidecar`. Override this fixture to change settings."""
    return ()


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory, sidecar_options: Sequence[str]) -> Iterator[TestSidecar]:
    """A private signaling sidecar on a free port, which ends with the tests. It has a folder of its own for its log."""
    from signaling_sidecar.testing import started_sidecar

    with started_sidecar(tmp_path_factory.mktemp("sidecar"), sidecar_options) as running:
        yield running
