"""The pytest plugin, with the fixture `sidecar`. Every run of pytest loads this module, so it imports very little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from signaling_sidecar.testing import TestSidecar


@pytest.fixture(scope="session")
def sidecar_options() -> Sequence[str]:
    """The options of `sidecar serve` with which the fixture `sidecar` starts. Override this fixture to add options."""
    return ()


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory, sidecar_options: Sequence[str]) -> Iterator[TestSidecar]:
    """A signaling sidecar on a free port, which runs until all tests are done. The event log of this
    sidecar is in a temporary folder."""
    from signaling_sidecar.testing import started_sidecar

    with started_sidecar(tmp_path_factory.mktemp("sidecar"), sidecar_options) as running:
        yield running
