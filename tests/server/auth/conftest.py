"""Fixtures: a sidecar that requires tokens, and the expiry of tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.authorisation import access
from signaling_sidecar.server.sockets import token_holders
from tests.kit.guarded import (
    guarded,
)
from tests.kit.serving import Served
from tests.server.auth.cast import SETTINGS


@pytest.fixture
def expire(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that lets all tokens with a lifetime of a minute expire, such as those that `token` makes."""
    monkeypatch.setattr(token_holders, "LOOK_AFTER_S", 0.02)
    return lambda: monkeypatch.setattr(access, "LEEWAY_S", -120.0)


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path) -> Served:
    return await guarded(aiohttp_client, tmp_path, **SETTINGS)
