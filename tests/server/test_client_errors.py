"""An error of one client affects no other client. Such errors are not printed in the terminal of the sidecar."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.admin.openapi import PREFIX
from signaling_sidecar.server.http.client_errors import MAX_HEADER_BYTES, MAX_HEADERS
from signaling_sidecar.server.http.health import Health
from tests.kit.raw_socket import TEXT, Handshake, RawSocket, frame, raw_socket
from tests.kit.serving import serve
from tests.kit.sidecar_command import Serving, serving

HOST = b"Host: localhost\r\n"
HEALTH = b"GET /health HTTP/1.1\r\n" + HOST

UNREADABLE = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": bytes.fromhex("16030100dc010000d80303") + bytes(range(200)),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "HTTP/9.9": b"GET /health HTTP/9.9\r\n" + HOST + b"\r\n",
    "a path with a control character": b"GET /he\1alth HTTP/1.1\r\n" + HOST + b"\r\n",
    "a path with bytes that are no ASCII": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "a URL whose address is no address": b"GET http://[::1/health HTTP/1.1\r\n" + HOST + b"\r\n",
    "a URL whose port is none": b"GET http://a:99999999/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "no Host": b"GET /health HTTP/1.1\r\n\r\n",
    "a header without a colon": HEALTH + b"bad header\r\n\r\n",
    "a header with a space in its name": HEALTH + b"a b: c\r\n\r\n",
    "a header with a null byte": HEALTH + b"a: b\0c\r\n\r\n",
    "too many headers": HEALTH + b"".join(b"X-%d: a\r\n" % number for number in range(MAX_HEADERS + 1)) + b"\r\n",
    "two lengths": b"POST /health HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a negative length": b"POST /health HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n",
    "chunks that are none": b"POST /health HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}
ANSWERED = {
    "CONNECT": (b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n", "404"),
    "an absolute URL": (b"GET http://localhost/health HTTP/1.1\r\n" + HOST + b"\r\n", "200"),
    "OPTIONS of everything": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", "404"),
    "a path that does not decode": (b"GET /%ff%zz?%ff=%fe HTTP/1.1\r\n" + HOST + b"\r\n", "404"),
    "an expectation": (HEALTH + b"Expect: 100-continue\r\n\r\n", "100"),
    "another expectation": (HEALTH + b"Expect: wonders\r\n\r\n", "417"),
    "an upgrade to something else": (HEALTH + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", "200"),
    "a cookie of 20 KB": (HEALTH + b"Cookie: a=" + b"x" * 20_000 + b"\r\n\r\n", "200"),
    "a handshake with that cookie": (bytes(Handshake(more=f"Cookie: a={'x' * 20_000}\r\n")), "101"),
    "a compressed body that is not": (b"POST /health HTTP/1.1\r\n" + HOST + b"Content-Encoding: gzip\r\n"
                                      b"Content-Length: 2\r\n\r\nhi", "405"),
    "nonsense behind a refused upgrade": (bytes(Handshake(path="/health")) + b"\xff\xff\r\n\r\n", "200"),
}  # fmt: skip


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One sidecar for all tests in this file. Afterwards, its output is checked."""
    with serving(tmp_path_factory.mktemp("state")) as sidecar:
        yield sidecar
        code, said = sidecar.stop()
    assert code == 0
    lines = said.splitlines()
    assert len(lines) == 2, said
    assert "event log in" in lines[0]
    assert "a header of more than 32 KiB" in lines[1]


@asynccontextmanager
async def connected(sidecar: Serving) -> AsyncIterator[RawSocket]:
    """Yield a socket to the sidecar. Afterwards, check that the sidecar still answers other clients."""
    raw = await raw_socket(sidecar.ready["port"])
    yield raw
    await raw.close()
    other = await raw_socket(sidecar.ready["port"])
    other.send(HEALTH + b"\r\n")
    assert "200 OK" in await other.head()
    await other.close()


@pytest.mark.parametrize("said", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_request_is_refused(sidecar: Serving, said: bytes) -> None:
    async with connected(sidecar) as raw:
        raw.send(said)
        assert " 40" in (await raw.head()).splitlines()[0]


@pytest.mark.parametrize(("said", "status"), ANSWERED.values(), ids=ANSWERED)
async def test_an_unusual_request_is_answered(sidecar: Serving, said: bytes, status: str) -> None:
    async with connected(sidecar) as raw:
        raw.send(said)
        assert status in (await raw.head()).splitlines()[0]


@pytest.mark.parametrize("line", [b"GET /health?%b HTTP/1.1\r\n", HEALTH + b"Cookie: a=%b\r\n"], ids=["URL", "cookie"])
async def test_a_header_over_the_limit_is_refused_and_reported_once(sidecar: Serving, line: bytes) -> None:
    async with connected(sidecar) as raw:
        raw.send(line % (b"x" * MAX_HEADER_BYTES) + b"\r\n")
        assert "400" in await raw.head()


@pytest.mark.parametrize(
    "path", ["/ws/signaling", "/ws", "/", "/ws/signaling/match?userId=u", "/health", "/ws/signaling/status"]
)
async def test_a_client_may_disconnect_right_after_its_request(sidecar: Serving, path: str) -> None:
    async with connected(sidecar) as first:
        for number in range(20):
            raw = await raw_socket(sidecar.ready["port"])
            raw.send(bytes(Handshake(path)))
            if number % 2:
                await raw.writer.drain()
                raw.reset()
            await raw.close()
        first.reset()


async def test_a_client_may_disconnect_in_the_middle_of_a_frame(sidecar: Serving) -> None:
    async with connected(sidecar) as raw:
        raw.send(bytes(Handshake()) + frame(TEXT, b'{"type":"ping"}')[:-3])
        await raw.head()
        raw.reset()


@pytest.mark.parametrize("ending", ["closed", "reset"])
async def test_an_incomplete_body_is_not_an_internal_error(sidecar: Serving, ending: str) -> None:
    async with connected(sidecar) as raw:
        raw.send(admin_request(sidecar, b"Content-Length: 100\r\n\r\n{"))
        await raw.writer.drain()
        if ending == "reset":
            raw.reset()


BODIES = {
    "chunks that break off": (b"Transfer-Encoding: chunked\r\n\r\n5\r\nab\r\nzz\r\n", "400"),
    "compressed, as it says": (b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", "400"),
    "too large": (b"Content-Length: 3000000\r\n\r\n" + b" " * 1_500_000, "413"),
    "in no charset": (b"Content-Length: 2\r\n\r\n\xff\xff", "400"),
}


@pytest.mark.parametrize(("rest", "status"), BODIES.values(), ids=BODIES)
async def test_an_unreadable_body_is_refused(sidecar: Serving, rest: bytes, status: str) -> None:
    async with connected(sidecar) as raw:
        raw.send(admin_request(sidecar, rest))
        assert status in (await raw.head()).splitlines()[0]


def admin_request(sidecar: Serving, rest: bytes) -> bytes:
    runtime = Path(sidecar.ready["state_dir"]) / "runtime.json"
    token = json.loads(runtime.read_text())["admin_token"].encode()
    head = b"POST %b/rooms/rooms/bar/kick HTTP/1.1\r\n" % PREFIX.encode() + HOST
    return head + b"Authorization: Bearer %b\r\nContent-Type: application/json\r\n" % token + rest


async def test_an_internal_error_is_still_printed(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> web.StreamResponse:
        raise ConnectionRefusedError("of something that we asked ourselves")

    monkeypatch.setattr(Health, "_health", broken)
    served = await serve(aiohttp_client, tmp_path)
    async with served.client.get("/health") as answer:
        assert answer.status == 500
    assert "of something that we asked ourselves" in caplog.text
