"""A sidecar in this process that requires tokens, and functions that make tokens for its clients."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.server.admin.openapi import PREFIX
from tests.kit import tokens
from tests.kit.serving import Served, serve

AUDIENCE = "signaling"
JWT = {"auth": "jwt", "jwt_algorithm": "HS256", "jwt_secret": tokens.SECRET, "jwt_audience": AUDIENCE}
SHARED_SECRET = "the-secret-that-everybody-here-knows-0123456789"
REFUSED_IN_HANDSHAKE = [name for name, dialect in DIALECTS.items() if not dialect.tokens_in_frames]


async def guarded(client: AiohttpClient, folder: Path, **settings: Any) -> Served:
    return await serve(client, folder / "state", **(JWT | settings))


def token(subject: str = "ann", lasts_s: float = 60.0, **claims: Any) -> str:
    """A token with these claims, which is valid unless a claim is wrong. A claim that is None is omitted."""
    payload = {"sub": subject, "aud": AUDIENCE, "exp": time.time() + lasts_s, **claims}
    return tokens.hs256({name: value for name, value in payload.items() if value is not None})


def bearer(value: str | None = None, **claims: Any) -> dict[str, str]:
    """The Authorization header with this token, or with a new one that has these claims."""
    return {"Authorization": f"Bearer {token(**claims) if value is None else value}"}


async def revoke(served: Served, body: Any, by: str | None = None) -> tuple[int, Any]:
    headers = bearer(by or served.sidecar.admin_token)
    async with served.client.post(f"{PREFIX}/revoke", json=body, headers=headers) as answer:
        return answer.status, await answer.json() if answer.content_type == "application/json" else None


async def refused_handshake(served: Served, path: str, **options: Any) -> tuple[int, str]:
    """Send a handshake, which must be refused, and return the status and the text of the answer."""
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        **options.pop("headers", {}),
    }
    async with served.client.get(path, headers=headers, **options) as answer:
        if answer.status == 101:
            pytest.fail(f"the handshake at {path} succeeded")
        return answer.status, await answer.text()


async def is_refused(served: Served, path: str, **options: Any) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await served.connect(path, **options)
    return caught.value.status
