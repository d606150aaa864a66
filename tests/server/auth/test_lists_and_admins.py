"""Which lists of rooms the owner of a token may see, and who may use the admin API."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
import pytest

from signaling_sidecar.server.authorisation import long_answers
from tests.kit.guarded import (
    bearer,
    token,
)
from tests.kit.serving import Served
from tests.server.auth.cast import OTHER_ROOM, ROOM


async def test_a_list_of_rooms_has_only_the_rooms_that_the_token_is_for(served: Served) -> None:
    for room in (ROOM, OTHER_ROOM):
        await (await served.connect()).join("bob", room, token=token("bob"))
    ann, all_ = await served.connect(headers=bearer(room=ROOM)), await served.connect(headers=bearer())
    for kind in ("list_rooms", "watch_rooms"):
        assert [room["roomId"] for room in (await ann.ask({"type": kind}))["rooms"]] == [ROOM]
        assert [room["roomId"] for room in (await all_.ask({"type": kind}))["rooms"]] == [ROOM, OTHER_ROOM]
    await (await served.connect()).join("cleo", ROOM, token=token("cleo"))
    await (await served.connect()).join("cleo", "third-room", token=token("cleo"))
    while len((listed := await all_.receive())["rooms"]) < 3:
        pass
    assert [room["peers"] for room in listed["rooms"]] == [2, 1, 1]
    listed = await ann.receive()
    assert [(room["roomId"], room["peers"]) for room in listed["rooms"]] == [(ROOM, 2)]
    async with served.client.get("/ws/signaling/rooms", headers=bearer(room=OTHER_ROOM)) as answer:
        assert [room["roomId"] for room in (await answer.json())["rooms"]] == [OTHER_ROOM]
    async with served.client.get("/ws/signaling/people", headers=bearer(room=OTHER_ROOM)) as answer:
        assert [room["roomId"] for room in (await answer.json())["rooms"]] == [OTHER_ROOM]


async def test_a_page_of_an_allowed_origin_reads_why_it_gets_no_list_of_rooms(served: Served) -> None:
    for origin, may_read in (("http://localhost:5173", True), ("http://evil.example", False)):
        for headers, why in (({}, "a token is required"), (bearer(lasts_s=-60), "the token has expired")):
            async with served.client.get("/ws/signaling/rooms", headers={**headers, "Origin": origin}) as answer:
                assert answer.status == (401 if may_read else 403)
                assert answer.headers.get("Access-Control-Allow-Origin") == (origin if may_read else None)
                assert (why in await answer.text()) is may_read


@pytest.mark.parametrize("path", ["/admin/v1/rooms", "/inspector/api/rooms", "/admin/v1/why?follow=0"])
async def test_the_admin_api_needs_the_scope_admin_in_all_rooms(served: Served, path: str) -> None:
    for headers, status in (
        ({}, 401),
        (bearer("open sesame"), 401),
        (bearer(lasts_s=-60, scope="admin"), 401),
        (bearer(), 403),
        (bearer(scope="join create"), 403),
        (bearer(scope="admin", room=ROOM), 403),
        (bearer(scope="admin join"), 200),
        (bearer(served.sidecar.admin_token), 200),
    ):
        async with served.client.get(path, headers=headers) as answer:
            assert answer.status == status, headers
            if status == 403:
                assert "scope `admin`" in await answer.text()
                assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


async def test_a_one_time_link_is_only_made_for_programs_on_this_machine(served: Served) -> None:
    for headers, status in ((bearer(scope="admin"), 401), (bearer(served.sidecar.admin_token), 200)):
        async with served.client.post("/admin/v1/inspector-link", json={}, headers=headers) as answer:
            assert answer.status == status


async def test_only_admins_change_anything(served: Served) -> None:
    ann = await served.connect()
    await ann.join("ann", ROOM, token=token())
    path = f"/admin/v1/rooms/rooms/{ROOM}/kick"
    for headers, status in ((bearer(), 403), (bearer(scope="admin"), 200)):
        async with served.client.post(path, json={"peer": "ann"}, headers=headers) as answer:
            assert answer.status == status
    assert (await ann.closed())[0] == 4003


@pytest.mark.parametrize("path", ["/admin/v1/records?follow=1", "/inspector/api/inspector/changes"])
async def test_a_stream_ends_with_the_token_of_its_request(
    served: Served, path: str, expire: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_answers, "LOOK_EVERY_S", 0.02)
    async with served.client.get(path, headers=bearer(scope="admin")) as stream:
        assert await stream.content.readline()
        expire()
        with pytest.raises(aiohttp.ClientError):
            await stream.read()
