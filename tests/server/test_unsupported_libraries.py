"""Clients of another server's protocol are told so: in the terminal once, and where their library would show it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.kit.serving import serve

PREFIXES = ["", "/ws/signaling"]


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_request_of_an_unsupported_library_is_explained_and_printed_once(
    aiohttp_client: AiohttpClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    prefix: str,
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    origin = "http://localhost:5173"
    for _ in range(3):
        answer = await served.client.get(f"{prefix}/socket.io/?EIO=4&transport=polling", headers={"Origin": origin})
        assert answer.status == 501
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "does not speak the protocol of Socket.IO" in await answer.text()
    [line] = [record.message for record in caplog.records]
    assert "does not speak the protocol of Socket.IO" in line
