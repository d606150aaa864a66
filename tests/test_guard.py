"""Who is let in, judged and on the wire. PROTOCOLS.md: "Who is let in"."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import WSServerHandshakeError
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.guard import who_is_let_in
from tests.serving import Served, serve

ALLOW_HOST, ALLOW_ORIGIN = ("dev.lan",), ("http://app.lan:3000", "chrome-extension://abcdef")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:5173", None),
        ("localhost", None),
        ("LOCALHOST:5173", None),
        ("app.localhost:5173", None),
        ("127.0.0.1:8765", None),
        ("192.168.1.5:5173", None),
        ("[::1]:8765", None),
        ("[fe80::1]:5173", None),
        ("dev.lan:5173", None),
        ("dev.lan", "http://dev.lan"),
        ("localhost:5173", "http://localhost:5173"),
        ("192.168.1.5:5173", "http://192.168.1.5:5173"),
        ("192.168.1.5:5173", "https://192.168.1.5:5173"),
        ("192.168.1.5", "http://192.168.1.5"),
        ("192.168.1.5", "https://192.168.1.5"),
        ("192.168.1.5:443", "https://192.168.1.5"),
        ("127.0.0.1:8765", "http://localhost:5173"),
        ("127.0.0.1:8765", "https://127.0.0.1:5173"),
        ("127.0.0.1:8765", "http://[::1]:5173"),
        ("192.168.1.5:5173", "http://localhost:9"),
        ("localhost:8765", "http://app.lan:3000"),
        ("localhost:8765", "HTTP://APP.LAN:3000"),
        ("localhost:8765", "chrome-extension://abcdef"),
    ],
)
def test_let_in(host: str, origin: str | None) -> None:
    assert who_is_let_in([host], [origin] if origin else [], ALLOW_HOST, ALLOW_ORIGIN) is None


@pytest.mark.parametrize(
    ("hosts", "origins", "header"),
    [
        ([], [], "Host"),
        ([""], [], "Host"),
        (["evil.example"], [], "Host"),
        (["evil.example"], ["http://evil.example"], "Host"),
        (["evil.example:5173"], ["http://localhost:5173"], "Host"),
        (["localhost.:5173"], [], "Host"),
        (["dev.lan."], [], "Host"),
        (["localhost.evil.example"], [], "Host"),
        (["evillocalhost"], [], "Host"),
        (["localhost:port"], [], "Host"),
        (["localhost@evil.example"], [], "Host"),
        (["localhost", "evil.example"], [], "Host"),
        (["localhost:5173"], ["null"], "Origin"),
        (["localhost:5173"], [""], "Origin"),
        (["localhost:5173"], ["http://evil.example"], "Origin"),
        (["localhost:5173"], ["http://app.localhost:5174"], "Origin"),
        (["192.168.1.5:5173"], ["http://192.168.1.5:5174"], "Origin"),
        (["192.168.1.5:5173"], ["http://192.168.1.5"], "Origin"),
        (["192.168.1.5:5173"], ["http://192.168.1.6:5173"], "Origin"),
        (["192.168.1.5"], ["http://192.168.1.5:8080"], "Origin"),
        (["localhost:5173"], ["file://localhost:5173"], "Origin"),
        (["localhost:5173"], ["http://localhost:5173/"], "Origin"),
        (["localhost:5173"], ["http://localhost@evil.example"], "Origin"),
        (["localhost:5173"], ["http://evil.example#localhost"], "Origin"),
        (["localhost:5173"], ["http://localhost.evil.example"], "Origin"),
        (["localhost:8765"], ["http://app.lan:3001"], "Origin"),
        (["localhost:8765"], ["chrome-extension://other"], "Origin"),
        (["localhost:5173"], ["http://localhost:5173", "http://evil.example"], "Origin"),
        (["localhost:5173"], ["http://[oops"], "Origin"),
    ],
)
def test_kept_out(hosts: list[str], origins: list[str], header: str) -> None:
    barred = who_is_let_in(hosts, origins, ALLOW_HOST, ALLOW_ORIGIN)
    assert barred is not None
    assert barred.header == header


def test_null_is_kept_out_even_when_it_is_on_the_list() -> None:
    assert who_is_let_in(["localhost"], ["null"], (), ("null",)) is not None


async def test_a_stranger_gets_403_before_the_upgrade_and_one_line_tells_what_would_let_him_in(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(aiohttp_client, tmp_path, allow_origin=("http://app.lan:3000",))
    for _ in range(3):
        with pytest.raises(WSServerHandshakeError) as refused:
            await served.connect(headers={"Origin": "http://evil.example"})
        assert refused.value.status == 403
    answer = await served.client.get("/health", headers={"Host": "evil.example"})
    assert (answer.status, await answer.text()) == (403, caplog.records[-1].getMessage() + "\n")
    messages = [record.getMessage() for record in caplog.records if record.name == "signaling_sidecar"]
    assert [("--allow-origin http://evil.example" in m, "--allow-host evil.example" in m) for m in messages] == [
        (True, False),
        (False, True),
    ]
    assert served.records("connection.opened") == []
    peer = await served.connect(headers={"Origin": "http://app.lan:3000"})
    assert (await peer.join("a"))["type"] == "peer_list"


@pytest.mark.parametrize("path", ["/health", "/ws/signaling", "/ws/signaling/rooms", "/nothing"])
async def test_every_path_is_guarded(aiohttp_client: AiohttpClient, tmp_path: Path, path: str) -> None:
    served = await serve(aiohttp_client, tmp_path)
    for headers in ({"Host": "evil.example"}, {"Origin": "null"}):
        assert (await served.client.get(path, headers=headers)).status == 403


async def raw_upgrade(served: Served, header: bytes) -> bytes:
    """The status line that an upgrade gets with a header of arbitrary bytes, which no client library would send."""
    reader, writer = await asyncio.open_connection(served.client.host, served.client.port)
    lines = [b"GET /ws/signaling HTTP/1.1", b"Host: localhost", b"Upgrade: websocket", b"Connection: Upgrade"]
    lines += [b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", header, b"", b""]
    writer.write(b"\r\n".join(lines))
    status = await reader.readline()
    writer.close()
    return status


async def test_bytes_that_are_no_utf8_in_a_header_harm_nobody(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    assert b" 403 " in await raw_upgrade(served, b"Origin: http://evil\xff\xe2\x80\xae.example")
    assert b" 101 " in await raw_upgrade(served, b"User-Agent: \xff\xfe")
    peer = await served.connect()
    assert (await peer.join("a"))["type"] == "peer_list"
    assert served.records("connection.opened")[0]["data"]["user_agent"] == "\\udcff\\udcfe"
