"""If a client requests a path that does not exist, the answer says so, and a line is printed once in the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
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


@pytest.mark.parametrize("path", ["/ws/signaling/lobby", "/ws/signaling/peerjs/peerjs/peerjs?id=ann"])
async def test_a_path_without_a_protocol_is_named_in_the_terminal_once(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    for _ in range(3):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
            await served.connect(path)
    answer = await served.client.get(path)
    assert answer.status == 404
    [line] = [record.message for record in caplog.records]
    assert await answer.text() == f"{line}\n"
    assert line.startswith(f"a client asks for {path.partition('?')[0]!r}, where the sidecar serves nothing")


async def test_many_wrong_paths_do_not_fill_the_terminal(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    for number in range(30):
        assert (await served.client.get(f"/ws/signaling/%1b[2J{number}")).status == 404
    lines = [record.message for record in caplog.records]
    assert len(lines) == 20
    assert not any("\x1b" in line for line in lines)


async def test_a_path_of_a_protocol_that_is_not_served_is_a_wrong_path(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(aiohttp_client, tmp_path, dialects=("rooms",))
    with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
        await served.connect("/ws/signaling/y-webrtc")
    assert "the setting `dialects` chooses" in caplog.text


@pytest.mark.parametrize(
    ("path", "frame", "told"),
    [
        ("/ws/signaling", {"type": "subscribe", "topics": ["notes"]}, "y-webrtc: connect it to /ws/signaling/y-webrtc"),
        ("/ws/signaling/mesh", {"type": "publish", "topic": "notes"}, "y-webrtc: connect it to /ws/signaling/y-webrtc"),
        ("/ws/signaling", {"type": "OFFER", "dst": "ben"}, "peerjs: connect it to /ws/signaling/peerjs"),
        ("/ws/signaling/y-webrtc", {"type": "matchmaking"}, "match: connect it to /ws/signaling/match"),
        ("/ws/signaling/y-webrtc", {"type": "offer"}, None),
        ("/ws/signaling/y-webrtc", {"type": "\u001b[2J"}, None),
    ],
)
async def test_a_client_of_another_protocol_is_named_in_the_terminal_once(
    aiohttp_client: AiohttpClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    path: str,
    frame: dict[str, object],
    told: str | None,
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    for _ in range(2):
        peer = await served.connect(path)
        await peer.send(json.dumps(frame))
        await served.settled()
        await peer.socket.close()
    lines = [record.message for record in caplog.records]
    dialect = path.removeprefix("/ws/signaling").strip("/") or "rooms"
    line = f"a client at the path of {dialect} sends {frame['type']!r}, which is a frame of {told}"
    assert lines == ([] if told is None else [line])
