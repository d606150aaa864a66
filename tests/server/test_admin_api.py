"""The admin API: its authorisation, its responses, its commands, and its OpenAPI description."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.cli import main
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.server.admin import record_stream
from signaling_sidecar.server.admin.openapi import PREFIX, document
from signaling_sidecar.server.http import request_body
from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import meet
from tests.kit.hosted_client import guest, host
from tests.kit.raw_socket import raw_socket
from tests.kit.serving import Served, serve

BAR = f"{PREFIX}/rooms/rooms/bar"


async def call(served: Served, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    token = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.request(method, path, json=body, headers=token | headers) as answer:
        return answer.status, await answer.json() if answer.content_type == "application/json" else await answer.text()


# --- authorisation ---


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer guess", "Bearer \udcff", "Basic TOKEN", "TOKEN"])
async def test_every_admin_request_needs_the_token(served: Served, authorization: str | None) -> None:
    await (await served.connect()).join("ann")
    said = authorization and authorization.replace("TOKEN", served.sidecar.admin_token)
    for path, operations in document()["paths"].items():
        for method in operations:
            url = path.format(dialect="rooms", room="bar", seq=1)
            headers = {"Authorization": said} if said else {}
            async with served.client.request(method, url, json={"peer": "ann"}, headers=headers) as answer:
                assert answer.status == 401
                assert "bar" not in await answer.text()
    assert served.records("peer.left") == []


async def test_the_token_is_not_accepted_in_a_url_or_a_cookie(served: Served) -> None:
    token = served.sidecar.admin_token
    async with served.client.get(f"{PREFIX}/rooms?token={token}", cookies={"token": token}) as answer:
        assert answer.status == 401


async def test_pages_of_other_origins_and_unknown_hosts_are_refused(served: Served) -> None:
    for header in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert (await call(served, "GET", f"{PREFIX}/rooms", **header))[0] == 403
    async with served.client.options(f"{PREFIX}/rooms", headers={"Origin": "http://localhost:5173"}) as answer:
        assert answer.status == 405
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_only_json_bodies_are_accepted(served: Served) -> None:
    token = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.post(f"{BAR}/close", data="{}", headers=token) as answer:
        assert answer.status == 415


# --- responses ---


async def test_the_list_contains_all_rooms_of_all_dialects_including_hidden_ones(served: Served) -> None:
    await (await served.connect()).join("ann", name="Ann", listed=False)
    await host(served)
    status, body = await call(served, "GET", f"{PREFIX}/rooms")
    assert status == 200
    assert [(room["dialect"], room["room"], room["listed"]) for room in body["rooms"]] == [
        ("rooms", "bar", False),
        ("hosted", "living-room", False),
    ]
    (ann,) = body["rooms"][0]["peers"]
    assert (ann["peer"], ann["name"], ann["away"], ann["host"]) == ("ann", "Ann", False, False)
    assert body["rooms"][1]["peers"][0]["host"] is True


async def test_a_pairing_code_is_shown_only_as_its_hash(served: Served) -> None:
    await meet(served, MANNERS["pairing"], "SECRET1", "a", "b")
    status, body = await call(served, "GET", f"{PREFIX}/rooms")
    assert status == 200
    assert "SECRET1" not in json.dumps(body)


async def test_records_are_streamed_from_a_given_one_and_then_live(served: Served) -> None:
    ann = await served.connect()
    await ann.join("ann")
    await served.settled()
    known = served.records()[-1]["seq"]
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    path = f"{PREFIX}/records?follow=1&after={known - 1}"
    async with served.client.get(path, headers=headers) as stream:
        assert json.loads(await stream.content.readline())["type"] == "peer.joined"
        await ann.send({"type": "leave"})
        assert json.loads(await stream.content.readline())["type"] == "peer.left"
    async with served.client.get(f"{PREFIX}/records", headers=headers) as whole:
        lines = (await whole.text()).splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [record["seq"] for record in Served.records(served)]


async def test_all_records_are_sent_to_a_client_that_has_those_of_an_earlier_run(served: Served) -> None:
    await (await served.connect()).join("ann")
    await served.settled()
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    for boot, count in ((served.sidecar.boot, 0), ("r0000001-earlier", len(served.records()))):
        async with served.client.get(f"{PREFIX}/records?after=1000&boot={boot}", headers=headers) as answer:
            assert len((await answer.text()).splitlines()) == count


async def test_a_stream_ends_with_the_records_of_the_lost_connections_when_the_sidecar_stops(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get(f"{PREFIX}/records?follow=1", headers=headers) as stream:
        await (await served.connect()).join("ann")
        _, text = await asyncio.gather(served.stop(), stream.text())
    assert [json.loads(line)["type"] for line in text.splitlines()][-2:] == ["connection.closed", "peer.away"]


# --- verdicts ---


async def test_the_verdicts_are_those_of_sidecar_why(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    ann, ben, dan = [await served.connect() for _ in range(3)]
    await ann.join("ann", name="Ann")
    await ben.join("ben", name="Ben")
    await dan.join("dan", room="club")
    await ann.send({"type": "trace", "event": "state", "pc": "1", "peerId": "ben", "connection": "connected"})
    assert (await dan.ask({"type": "offer", "to": "eve"}))["type"] == "error"
    await served.settled()
    status, found = await call(served, "GET", f"{PREFIX}/why")
    assert status == 200
    [verdict] = found["verdicts"]
    assert (verdict["sentence"], verdict["state"], verdict["together"]) == ("Ann and Ben: connected", "connected", True)
    joined = {record["peer"]: record["session"] for record in served.records("peer.joined")}
    assert verdict["sessions"] == [joined["ann"], joined["ben"]]
    [rejection] = found["rejections"]
    assert rejection["sentence"].startswith("the offer of dan was refused: no-such-peer")
    assert (rejection["dialect"], rejection["room"], rejection["times"]) == ("rooms", "club", 1)

    assert main(["why", "--json", "--log", str(served.sidecar.state_dir)]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [verdict]


async def test_the_verdicts_of_one_room_or_dialect_can_be_asked_for(served: Served) -> None:
    for room in ("bar", "club"):
        for peer in ("ann", "ben"):
            await (await served.connect()).join(peer, room)
    asked = {
        "": 2,
        "?room=bar": 1,
        "?room=pub": 0,
        "?dialect=rooms": 2,
        "?dialect=mesh": 0,
        "?room=bar&dialect=rooms": 1,
    }
    for query, pairs in asked.items():
        assert len((await call(served, "GET", f"{PREFIX}/why{query}"))[1]["verdicts"]) == pairs


async def test_a_verdict_is_never_older_than_the_request(served: Served) -> None:
    """If a test of an app causes an event, and then requests the verdicts, they must take this event into account."""
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    for _ in range(5):
        await ben.join("ben")
        assert (await call(served, "GET", f"{PREFIX}/why"))[1]["verdicts"][0]["together"] is True
        await ben.send({"type": "leave"})
        await served.settled()
        assert (await call(served, "GET", f"{PREFIX}/why"))[1]["verdicts"][0]["together"] is False


# --- commands ---


async def test_a_kicked_peer_cannot_join_again_for_a_while(served: Served) -> None:
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    await ben.join("ben")
    await ann.receive()
    assert await call(served, "POST", f"{BAR}/kick", {"peer": "ben"}) == (200, {})
    assert await ben.closed() == (4003, "removed")
    assert await ann.receive() == {"type": "peer_left", "peerId": "ben", "reason": "kicked"}
    again = await served.connect()
    assert (await again.join("ben"))["code"] == "barred"
    assert (await again.join("ben", room="club"))["type"] == "peer_list"
    assert [record["peer"] for record in served.records("admin.kicked")] == ["ben"]


async def test_a_kicked_peer_is_still_refused_after_a_restart(
    aiohttp_client: AiohttpClient, tmp_path: Path, served: Served
) -> None:
    await (await served.connect()).join("ann")
    assert await call(served, "POST", f"{BAR}/kick", {"peer": "ann"}) == (200, {})
    await served.stop()
    served = await serve(aiohttp_client, tmp_path)
    assert (await (await served.connect()).join("ann"))["code"] == "barred"


async def test_a_kicked_peer_cannot_resume_its_session(served: Served) -> None:
    ann = await served.connect()
    token = (await ann.join("ann", resume=True))["resume"]["token"]
    await call(served, "POST", f"{BAR}/kick", {"peer": "ann"})
    again = await served.connect()
    assert (await again.join("ann", resume={"token": token, "after": 0}))["code"] == "barred"


@pytest.mark.parametrize("dialect", MANNERS)
async def test_a_room_of_any_dialect_can_be_closed(served: Served, dialect: str) -> None:
    peers = await meet(served, MANNERS[dialect], "first-room", "a", "b")
    (room,) = (await call(served, "GET", f"{PREFIX}/rooms"))[1]["rooms"]
    path = f"{PREFIX}/rooms/{dialect}/{room['room']}/close"
    assert await call(served, "POST", path, {}) == (200, {})
    for peer in peers:
        await peer.receives_the_end()
    assert (await call(served, "GET", f"{PREFIX}/rooms"))[1]["rooms"] == []
    reasons = [record["data"]["reason"] for record in served.records("peer.left")]
    assert reasons == ["room-closed"] * 2


async def test_a_notice_reaches_everybody_and_is_kept_for_peers_that_are_away(served: Served) -> None:
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    token = (await ben.join("ben", resume=True))["resume"]["token"]
    await ann.receive()
    await ben.socket.close(code=4999)
    await ann.hears_nothing()
    assert await call(served, "POST", f"{BAR}/say", {"text": "closing time"}) == (200, {})
    assert await ann.receive() == {"type": "notice", "text": "closing time"}
    back = await served.connect()
    assert (await back.join("ben", resume={"token": token, "after": 0}))["type"] == "resumed"
    assert await back.receive() == {"type": "notice", "text": "closing time", "s": 1}


async def test_no_notice_is_sent_in_dialects_without_notices(served: Served) -> None:
    hugo = await host(served)
    status, body = await call(served, "POST", f"{PREFIX}/rooms/hosted/living-room/say", {"text": "hello"})
    assert (status, body["code"]) == (409, "bad-field")
    await hugo.hears_nothing()


async def test_the_rules_of_a_room_can_be_changed_and_nobody_is_removed(served: Served) -> None:
    hugo = await host(served)
    await guest(served, "gina", hugo)
    path = f"{PREFIX}/rooms/hosted/living-room"
    assert await call(served, "PUT", f"{path}/rules", {"capacity": 1}) == (200, {})
    await hugo.hears_nothing()
    (room,) = (await call(served, "GET", f"{PREFIX}/rooms"))[1]["rooms"]
    assert (room["capacity"], len(room["peers"]), room["rules"]) == (1, 2, {"capacity": 1})


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"{BAR}/kick", {"peer": "nobody"}, 404),
        ("POST", f"{PREFIX}/rooms/rooms/nowhere/close", {}, 404),
        ("POST", f"{PREFIX}/rooms/nonsense/bar/say", {"text": "x"}, 404),
        ("POST", f"{BAR}/kick", {}, 400),
        ("POST", f"{BAR}/kick", {"peer": "ann", "more": 1}, 400),
        ("POST", f"{BAR}/say", {"text": ""}, 400),
        ("PUT", f"{BAR}/rules", {"capacity": 0}, 400),
        ("PUT", f"{BAR}/rules", {"size": 3}, 400),
        ("GET", f"{PREFIX}/records?after=x", None, 400),
        ("GET", f"{BAR}/kick", None, 405),
    ],
    ids=str,
)
async def test_an_invalid_request_is_answered_with_an_error(
    served: Served, method: str, path: str, body: Any, status: int
) -> None:
    ann = await served.connect()
    await ann.join("ann")
    assert (await call(served, method, path, body))[0] == status
    await ann.hears_nothing()


# --- how it describes itself ---


async def test_the_description_of_the_api_contains_every_path(served: Served) -> None:
    status, described = await call(served, "GET", f"{PREFIX}/openapi.json")
    assert (status, described) == (200, document())
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in served.client.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith(PREFIX) and route.method != "HEAD"
    }
    assert routes == {(method, path) for path, operations in described["paths"].items() for method in operations}


async def test_nothing_remains_of_a_disconnected_reader(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with aiohttp.ClientSession() as session:
        url = served.client.make_url(f"{PREFIX}/records?follow=1")
        async with session.get(url, headers=headers) as stream:
            await stream.content.readline()
    api = served.sidecar._admin
    async with asyncio.timeout(5):
        while api._followers:
            await (await served.connect()).socket.close()
            await asyncio.sleep(0.01)


async def test_stopping_does_not_wait_for_readers(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get(f"{PREFIX}/records?follow=1", headers=headers) as stream:
        await stream.content.readline()
        async with asyncio.timeout(1):  # waiting for the handlers would take 3 s
            await served.stop()
            assert b"server" not in await stream.content.read()


async def test_a_reader_that_is_too_slow_is_disconnected(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_stream, "MAX_BEHIND_BYTES", 0)
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get(f"{PREFIX}/records?follow=1", headers=headers) as stream:
        await (await served.connect()).join("ann")
        async with asyncio.timeout(5):
            await stream.content.read()


async def test_the_buffer_for_a_slow_reader_is_limited(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, max_frames_burst=10_000)
    ann = await served.connect()
    raw = await raw_socket(served.client.port or 0)
    headers = f"Host: localhost\r\nAuthorization: Bearer {served.sidecar.admin_token}\r\nConnection: close\r\n"
    raw.send(f"GET {PREFIX}/records?follow=1 HTTP/1.1\r\n{headers}\r\n".encode())
    assert "200 OK" in await raw.head()
    sent = 0
    frame = json.dumps({"type": "trace", "pad": "x" * 60_000})
    async with asyncio.timeout(30):
        while not any(follower._is_over for follower in served.sidecar._admin._followers):
            await ann.send(frame)
            await served.settled()
            sent += len(frame)
            assert all(each._bytes <= record_stream.MAX_BEHIND_BYTES for each in served.sidecar._admin._followers)
    received = await raw.rest()
    assert received.endswith(b"0\r\n\r\n")  # the last chunk proves that the sidecar has ended the stream
    assert len(received) < sent
    await raw.close()


async def test_a_body_that_does_not_arrive_is_cancelled(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_WITHIN_S", 0.05)
    raw = await raw_socket(served.client.port or 0)
    head = f"POST {BAR}/kick HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {served.sidecar.admin_token}\r\n"
    raw.send(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
    assert "408" in await raw.head()
    await raw.close()


async def test_the_records_of_a_long_run_are_read_from_all_its_segments(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, log_segment_bytes=4096)
    ann = await served.connect()
    await ann.join("ann")
    for _ in range(100):
        await ann.ask({"type": "list_rooms", "pad": "x"})
        await ann.send({"type": "trace", "pad": "x" * 100})
    await served.settled()
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get(f"{PREFIX}/records", headers=headers) as answer:
        numbers = [json.loads(line)["seq"] for line in (await answer.text()).splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 100
    assert len(find_segments(tmp_path).segments) > 2
