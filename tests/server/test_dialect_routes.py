"""HTTP routes that a dialect declares in addition to its WebSocket. The checks of all requests apply to them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from pytest_aiohttp import AiohttpClient

from signaling_sidecar.dialects import DIALECTS, Answer, Asked, Caller, Route, View
from signaling_sidecar.dialects.mesh import MESH
from signaling_sidecar.hub import RoomKey
from signaling_sidecar.hub.commands import Command, Join
from signaling_sidecar.server.http import request_body
from tests.kit.serving import Served, serve

PREFIX = "/ws/signaling/parlour"
ELSEWHERE = "http://localhost:3000"


def text(content: str, status: int = 200) -> Answer:
    return Answer(content.encode(), "text/plain; charset=utf-8", status)


def new_id(asked: Asked, view: View) -> Answer:
    return text(asked.given_id)


def names(asked: Asked, view: View) -> Answer:
    peers = view.peers(asked.path["room"])
    if peers is None:
        return text(f"no room {asked.path['room']}", 404)
    return text(",".join(peer.peer for peer in peers) + asked.query.get("end", ""))


def count(asked: Asked, view: View) -> Answer:
    return text(str(len(view.listed_rooms().rooms)))


def echo(asked: Asked, view: View) -> Answer:
    return Answer(asked.body, "application/octet-stream", 201)


def fail(asked: Asked, view: View) -> Answer:
    raise ValueError("the secret of the parlour")


def decode(frame: bytes, caller: Caller, at_ms: int) -> Command:
    command = MESH.decode(frame, caller, at_ms)
    if isinstance(command, Join):
        return msgspec.structs.replace(command, room=RoomKey("parlour", command.room.room))
    return command


PARLOUR = replace(
    MESH,
    name="parlour",
    paths=(PREFIX,),
    decode=decode,
    first_frames=frozenset(),
    cross_origin=True,
    routes=(
        Route("GET", f"{PREFIX}/id", new_id),
        Route("GET", f"{PREFIX}/rooms/{{room}}/peers", names),
        Route("GET", f"{PREFIX}/count", count),
        Route("POST", f"{PREFIX}/echo", echo, max_body_bytes=8),
        Route("GET", f"{PREFIX}/echo", count),
        Route("GET", f"{PREFIX}/fail", fail),
        Route("GET", f"{PREFIX}/status-that-cannot-be", lambda asked, view: Answer(b"", status=99)),
    ),
)


@pytest.fixture(autouse=True)
def registration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DIALECTS, PARLOUR.name, PARLOUR)


@pytest.fixture
async def parlour(aiohttp_client: AiohttpClient, tmp_path: Path) -> Served:
    return await serve(aiohttp_client, tmp_path, dialects=("rooms", "parlour"))


async def ask(served: Served, path: str, method: str = "GET", **options: Any) -> tuple[int, str]:
    async with served.client.request(method, PREFIX + path, **options) as answer:
        return answer.status, await answer.text()


async def test_each_request_gets_another_id(parlour: Served) -> None:
    (status, one), (_, other) = await ask(parlour, "/id"), await ask(parlour, "/id")
    assert status == 200
    assert len({one, other, ""}) == 3


async def test_a_route_sees_the_rooms_of_its_own_dialect_only(parlour: Served) -> None:
    anna, ben = await parlour.connect(f"{PREFIX}?room=blue%20room"), await parlour.connect()
    await anna.ask({"type": "join", "peerId": "anna"})
    await ben.join("ben", "bar")
    assert await ask(parlour, "/rooms/blue%20room/peers?end=%21&end=2") == (200, "anna!")
    assert await ask(parlour, "/rooms/bar/peers") == (404, "no room bar")
    assert await ask(parlour, "/count") == (200, "0")  # this dialect lists no rooms, and only these count


async def test_the_path_parameter_is_one_segment_of_any_text(parlour: Served) -> None:
    assert await ask(parlour, "/rooms/caf%C3%A9/peers") == (404, "no room café")
    assert (await ask(parlour, "/rooms/a/b/peers"))[0] == 404
    assert (await ask(parlour, "/rooms//peers"))[0] == 404


async def test_a_get_route_answers_head_without_a_body(parlour: Served) -> None:
    assert await ask(parlour, "/id", "HEAD") == (200, "")


async def test_one_path_may_have_a_route_for_each_method(parlour: Served) -> None:
    assert await ask(parlour, "/echo", "POST", data=b"12345678") == (201, "12345678")
    assert await ask(parlour, "/echo") == (200, "0")
    async with parlour.client.delete(f"{PREFIX}/echo") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD,OPTIONS,POST")


async def in_pieces() -> Any:
    for piece in (b"1234", b"5678", b"9"):
        yield piece


@pytest.mark.parametrize("body", [b"123456789", in_pieces], ids=["announced", "in pieces"])
async def test_a_body_over_the_limit_of_its_route_is_refused(parlour: Served, body: Any) -> None:
    status, _ = await ask(parlour, "/echo", "POST", data=body if isinstance(body, bytes) else body())
    assert status == 413
    assert (await ask(parlour, "/id", data=b"this route takes none"))[0] == 413


async def test_a_request_whose_body_does_not_arrive_is_cancelled(
    parlour: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "BODY_WITHIN_S", 0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", parlour.client.port)
    writer.write(f"POST {PREFIX}/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n12".encode())
    assert (await reader.readline()).split()[1] == b"408"
    writer.close()


@pytest.mark.parametrize("path", ["/fail", "/status-that-cannot-be"])
async def test_an_exception_in_a_route_is_printed_once_and_not_sent_to_the_client(
    parlour: Served, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    assert await ask(parlour, path) == await ask(parlour, path) == (500, "500: Internal Server Error")
    assert [record.getMessage() for record in caplog.records] == [f"GET {PREFIX}{path} of dialect parlour failed"]


async def test_the_guard_refuses_pages_of_other_origins_on_routes(parlour: Served) -> None:
    assert (await ask(parlour, "/id", headers={"Origin": "http://evil.example"}))[0] == 403
    assert (await ask(parlour, "/id", headers={"Host": "evil.example"}))[0] == 403


async def test_the_admit_hook_decides_about_routes(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks.py"
    hooks.write_text(
        "def admit(connection):\n    return connection.dialect != 'parlour' or connection.token == 'key'\n"
    )
    served = await serve(aiohttp_client, tmp_path, dialects=("rooms", "parlour"), hooks=hooks)
    assert await ask(served, "/count") == (403, "refused by the hook `admit`\n")
    assert await ask(served, "/count", headers={"Authorization": "Bearer key"}) == (200, "0")


async def test_pages_of_allowed_origins_may_read_the_routes_of_a_cross_origin_dialect(parlour: Served) -> None:
    async with parlour.client.get(f"{PREFIX}/id", headers={"Origin": ELSEWHERE}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == ELSEWHERE
    async with parlour.client.get(f"{PREFIX}/fail", headers={"Origin": ELSEWHERE}) as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (500, ELSEWHERE)
    async with parlour.client.get("/ws/signaling/rooms", headers={"Origin": ELSEWHERE}) as answer:
        assert answer.status == 200
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_preflight_names_the_methods_of_the_path(parlour: Served) -> None:
    asked = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    async with parlour.client.options(f"{PREFIX}/echo", headers=asked) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"
        assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
        assert answer.headers["Access-Control-Allow-Origin"] == ELSEWHERE
    async with parlour.client.options("/ws/signaling/rooms", headers=asked) as answer:
        assert answer.status == 405


async def test_the_routes_of_a_disabled_dialect_do_not_exist(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, dialects=("rooms", "mesh"))
    assert (await ask(served, "/id"))[0] == (await ask(served, "/echo", "POST"))[0] == 404


async def test_the_websocket_of_a_dialect_with_routes_works(parlour: Served) -> None:
    peer = await parlour.connect(PREFIX)
    assert await peer.ask({"type": "join", "peerId": "anna"}) == {"type": "peer-list", "peers": []}
    with pytest.raises(aiohttp.WSServerHandshakeError, match="200"):
        await parlour.connect(f"{PREFIX}/id")
