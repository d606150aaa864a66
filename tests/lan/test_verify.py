"""Announcements of other machines are untrusted.

Only some records, and only valid responses of their pages, are accepted.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from signaling_sidecar.lan import Page, read_record
from signaling_sidecar.lan.verify import (
    MAX_ANSWER_BYTES,
    MAX_PAGES_PER_ADDRESS,
    WITHIN_S,
    Neighbour,
    NeighbourRoom,
    verified,
)

# Records with this address are refused, but the tests pass it to `verified`, because their servers run here.
LOOPBACK = ipaddress.ip_address("127.0.0.1")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def record(
    url: str, *addresses: str, server: str = "ann.local.", name: str = "my-app", version: str = "1"
) -> Page | None:
    txt = {b"txtvers": version.encode(), b"url": url.encode(), b"name": name.encode()}
    return read_record(server, [ipaddress.ip_address(address) for address in addresses], txt)


@pytest.mark.parametrize(
    ("url", "address", "port"),
    [
        ("http://10.0.40.44:5173/", "10.0.40.44", 5173),
        ("https://172.31.0.1/", "172.31.0.1", 443),
        ("http://192.168.1.7/app/v1.2/~ann/", "192.168.1.7", 80),
        ("http://[fd00::2]:5173/", "fd00::2", 5173),
        ("http://[fd00:0::2]:5173/", "fd00::2", 5173),
        ("http://[fe80::1]:5173/", "fe80::1%3", 5173),
        ("https://ann.local:5173/", "10.0.0.1", 5173),
    ],
)
def test_a_page_at_a_private_address_in_its_record_is_accepted(url: str, address: str, port: int) -> None:
    page = record(url, "203.0.113.9", address)
    assert page == Page("my-app", url, ipaddress.ip_address(address))
    assert page.port == port


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("", "10.0.0.1"),
        ("http://10.0.0.2:5173/", "10.0.0.1"),  # another address
        ("http://203.0.113.9/", "203.0.113.9"),
        ("http://127.0.0.1:8765/", "127.0.0.1"),
        ("http://[::1]:8765/", "::1"),
        ("http://0.0.0.0/", "0.0.0.0"),
        ("http://169.254.169.254/", "169.254.169.254"),  # cloud providers serve secrets here
        ("http://100.64.0.1/", "100.64.0.1"),
        ("http://224.0.0.251/", "224.0.0.251"),
        ("http://172.32.0.1/", "172.32.0.1"),
        ("http://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1"),
        ("http://ben.local/", "10.0.0.1"),
        ("http://evil.example/", "10.0.0.1"),
        ("http://localhost/", "10.0.0.1"),
        ("http://ann.local/", "203.0.113.9"),
        ("http://10.0.0.1", "10.0.0.1"),
        ("http://10.0.0.1:0/", "10.0.0.1"),
        ("http://10.0.0.1:65536/", "10.0.0.1"),
        ("http://user@10.0.0.1/", "10.0.0.1"),
        ("http://10.0.0.1@203.0.113.9/", "10.0.0.1"),
        ("http://10.0.0.1/reboot?now=", "10.0.0.1"),
        ("http://10.0.0.1/#", "10.0.0.1"),
        ("http://10.0.0.1/../", "10.0.0.1"),
        ("http://10.0.0.1/%2e%2e/", "10.0.0.1"),
        ("http://10.0.0.1//", "10.0.0.1"),
        ("http://10.0.0.1/app", "10.0.0.1"),
        ("http://10.0.0.1/\r\nX: y/", "10.0.0.1"),
        ("http://[fe80::1%3]/", "fe80::1%3"),
        ("ftp://10.0.0.1/", "10.0.0.1"),
        ("javascript:alert(1)", "10.0.0.1"),
        ("http://10.0.0.1/" + 200 * "a" + "/", "10.0.0.1"),
        ("http://10.0.0.1/\udce4/", "10.0.0.1"),
    ],
)
def test_a_page_at_any_other_address_is_ignored(url: str, address: str) -> None:
    txt = {b"txtvers": b"1", b"url": url.encode(errors="surrogateescape"), b"name": b"my-app"}
    assert read_record("ann.local.", [ipaddress.ip_address(address)], txt) is None


def test_an_incomplete_record_or_one_of_another_version_is_ignored() -> None:
    address = [ipaddress.ip_address("10.0.0.1")]
    assert read_record("", [], {}) is None
    assert read_record("", address, {b"txtvers": None, b"url": None}) is None
    assert read_record("", address, {b"txtvers": b"1", b"url": b"http://10.0.0.1/", b"name": b"\xff"}) is None
    assert record("http://10.0.0.1/", "10.0.0.1", version="2") is None
    assert record("http://evil.example/", "10.0.0.1", server="evil.example.") is None


def test_a_name_is_one_visible_line() -> None:
    page = record("http://10.0.0.1/", "10.0.0.1", name="\x1b[2J\u202eApp\n" + 300 * "a")
    assert page is not None
    assert page.name.startswith("\\x1b[2J\\u202eApp\\naaa")
    assert page.name.isprintable()
    assert len(page.name) == 60


# --- the answer -------------------------------------------------------------------------------------------------------


class Stranger:
    """Stands in for a server on another machine, and answers every GET request with `handler`."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.asked: list[web.Request] = []
        self.port = 0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self._handler(request)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Stranger]:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    def page(self, base: str = "/") -> Page:
        return Page("my-app", f"http://127.0.0.1:{self.port}{base}", LOOPBACK)


async def says(handler: Handler) -> list[Neighbour]:
    async with Stranger(handler).listening() as stranger:
        return await verified([stranger.page()])


def body(text: str | bytes) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=text)

    return answer


async def test_only_the_rooms_of_an_announced_sidecar_are_requested_by_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", "/nowhere")
    handler = body('{"rooms":[{"roomId":"bar","peers":2,"name":"The bar","createdAt":0},{"roomId":"x","peers":1}]}')
    async with Stranger(handler).listening() as stranger:
        page = stranger.page("/base/")
        [found] = await verified([page])
    rooms = [NeighbourRoom("bar", 2, "The bar"), NeighbourRoom("x", 1)]
    assert found == Neighbour("my-app", page.url, rooms, 3)
    [request] = stranger.asked
    assert (request.path_qs, request.headers["Host"]) == ("/base/ws/signaling/rooms", f"127.0.0.1:{stranger.port}")
    assert not {"Cookie", "Authorization", "Origin", "Referer"} & set(request.headers)


async def test_redirects_are_not_followed() -> None:
    async with Stranger(body('{"rooms":[]}')).listening() as other:

        async def redirect(request: web.Request) -> web.Response:
            raise web.HTTPFound(f"http://127.0.0.1:{other.port}/ws/signaling/rooms")

        assert await says(redirect) == []
    assert other.asked == []


async def test_cookies_are_not_kept() -> None:
    async def answer(request: web.Request) -> web.Response:
        response = web.Response(text='{"rooms":[]}')
        response.set_cookie("seen", "before")
        return response

    async with Stranger(answer).listening() as stranger:
        for _ in range(2):
            assert len(await verified([stranger.page()])) == 1
        assert [request.cookies for request in stranger.asked] == [{}, {}]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!doctype html>",
        "[]",
        "{}",
        '{"rooms":{}}',
        '{"rooms":[{"roomId":"bar"}]}',
        '{"rooms":[{"roomId":"bar","peers":-1}]}',
        '{"rooms":[{"roomId":"bar","peers":1e9}]}',
        '{"rooms":[{"roomId":"bar","peers":true}]}',
        '{"rooms":[{"roomId":"bar","peers":"<b>2</b>"}]}',
        '{"rooms":[{"roomId":"bar","peers":2,"capacity":"many"}]}',
        '{"rooms":[{"roomId":"bar","peers":2,"name":7}]}',
        '{"rooms":[{"roomId":"","peers":2}]}',
        '{"rooms":[{"roomId":"\\u001b[2J","peers":2}]}',
        '{"rooms":[{"roomId":"\\ud800","peers":2}]}',
        json.dumps({"rooms": [{"roomId": 200 * "a", "peers": 1}]}),
        json.dumps({"rooms": [{"roomId": "bar", "peers": 1, "name": "a\nb"}]}),
        '{"rooms":' + 30_000 * "[" + 30_000 * "]" + "}",
        b'{"rooms":[{"roomId":"\xff","peers":2}]}',
    ],
    ids=lambda text: repr(text[:40]),
)
async def test_a_response_with_invalid_json_is_ignored(text: str | bytes) -> None:
    assert await says(body(text)) == []


async def test_a_response_with_another_status_is_ignored() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(text='{"rooms":[]}', status=403)

    assert await says(refuse) == []


async def test_a_page_without_a_server_is_ignored() -> None:
    async with Stranger(body("")).listening() as stranger:
        pass
    assert await verified([stranger.page()]) == []


async def test_a_response_over_64_kib_is_ignored() -> None:
    empty = '{"rooms":[]}'
    assert len(await says(body(empty.ljust(MAX_ANSWER_BYTES - 1000)))) == 1
    assert await says(body(empty.ljust(MAX_ANSWER_BYTES))) == []
    assert await says(body(empty.ljust(1024 * 1024))) == []


async def test_a_response_without_a_length_is_not_read() -> None:
    sent = 0

    async def stream(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1024):
            await response.write(1024 * b" ")
            sent += 1024
        await response.write(b'{"rooms":[]}')
        return response

    assert await says(stream) == []


@pytest.mark.parametrize(("count", "size"), [(1, 100_000), (1000, 400)], ids=["long", "many"])
async def test_a_response_with_too_long_headers_is_ignored(count: int, size: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text='{"rooms":[]}', headers={f"X-{number}": size * "a" for number in range(count)})

    assert await says(answer) == []


async def test_a_slow_response_is_cancelled_after_2_s_and_does_not_delay_others() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.1)

    async with Stranger(drip).listening() as slow, Stranger(body('{"rooms":[]}')).listening() as good:
        began_s = time.monotonic()
        found = await verified([slow.page(), slow.page("/other/"), good.page()])
        took_s = time.monotonic() - began_s
    assert [neighbour.url for neighbour in found] == [good.page().url]
    assert WITHIN_S <= took_s < 2 * WITHIN_S  # the requests were sent in parallel


async def test_requests_to_one_machine_are_limited() -> None:
    async with Stranger(body('{"rooms":[]}')).listening() as stranger:
        found = await verified([stranger.page(f"/{number}/") for number in range(500)])
        again = await verified(500 * [stranger.page()])
    assert len(found) == MAX_PAGES_PER_ADDRESS
    assert len(again) == 1
    assert len(stranger.asked) == MAX_PAGES_PER_ADDRESS + 1
