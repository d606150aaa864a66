"""A client that offers subprotocols continues only if the response selects one of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.dialects.shared_path import SHARED_PATH
from tests.kit.serving import serve

QUERIES = {"/signal": "?userId=ann", "/ws/signaling/match": "?userId=ann", "/ws/signaling/hosted": "?roomId=a-room"}
PATHS = [path.replace("{room}", "a-room") for dialect in DIALECTS.values() for path in dialect.paths]


@pytest.mark.parametrize("path", [*PATHS, SHARED_PATH, f"{SHARED_PATH}?roomId=a-room"])
async def test_the_first_offered_subprotocol_is_selected_on_every_path(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    for offered in (["json"], ["graphql-ws", "json"], []):
        peer = await served.connect(path + QUERIES.get(path, ""), protocols=offered)
        assert peer.socket.protocol == (offered[0] if offered else None)
        await peer.socket.close()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("header", "status", "answered"),
    [
        (" , json , other", 101, "json"),
        ("json,json", 101, "json"),
        ("", 101, None),
        (",", 101, None),
        ("a b", 400, None),
        ("j\u00e9son", 400, None),
        ("ok, a:b", 400, None),
    ],
)
async def test_a_header_that_no_browser_sends_harms_nobody(
    aiohttp_client: AiohttpClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    header: str,
    status: int,
    answered: str | None,
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": header}
    answer = await served.client.get("/ws/signaling", headers=handshake | key)
    assert (answer.status, answer.headers.get("Sec-WebSocket-Protocol")) == (status, answered)
    answer.close()
    assert caplog.records == []
