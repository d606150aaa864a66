"""Clients of another server's protocol are told so: in the terminal once, and where their library would show it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.kit.serving import serve

PREFIXES = ["", "/ws/signaling"]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("path", "library"), [("/peerjs/id?ts=17", "PeerJS"), ("/socket.io/?EIO=4&transport=polling", "Socket.IO")]
)
async def test_a_request_of_an_unsupported_library_is_explained_and_printed_once(
    aiohttp_client: AiohttpClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    prefix: str,
    path: str,
    library: str,
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    origin = "http://localhost:5173"
    for _ in range(3):
        answer = await served.client.get(prefix + path, headers={"Origin": origin})
        assert answer.status == 501
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert f"does not speak the protocol of {library}" in await answer.text()
    [line] = [record.message for record in caplog.records]
    assert f"does not speak the protocol of {library}" in line


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_page_with_peerjs_receives_the_explanation_in_its_error_event(
    aiohttp_client: AiohttpClient, tmp_path: Path, prefix: str
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    peer = await served.connect(f"{prefix}/peerjs?key=peerjs&id=ann&token=x&version=1.5.5")
    frame = await peer.receive()
    assert frame["type"] == "ERROR"
    assert "does not speak the protocol of PeerJS" in frame["payload"]["msg"]
    await peer.receives_the_end()
    assert peer.socket.close_code == 1008
