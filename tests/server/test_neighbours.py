"""`GET /ws/signaling/neighbours` returns the other pages on the LAN."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.lan.announce import Announcer
from signaling_sidecar.lan.verify import Neighbour
from signaling_sidecar.server.pages import neighbours
from signaling_sidecar.server.pages.neighbours import Neighbours
from signaling_sidecar.settings import Settings
from tests.kit.programs import until
from tests.kit.serving import serve
from tests.kit.site_file import write_site


async def test_a_page_that_is_not_announced_gets_no_neighbours(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    async with served.client.get("/ws/signaling/neighbours") as answer:
        assert (answer.content_type, await answer.json()) == (
            "application/json",
            {"announced": False, "neighbours": []},
        )


async def test_only_clients_that_may_list_rooms_get_the_neighbours(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    hooks = tmp_path / "hooks.py"
    hooks.write_text("def admit(connection):\n    return connection.dialect == 'rooms' and connection.token == 'me'\n")
    served = await serve(aiohttp_client, tmp_path / "state", hooks=hooks)
    for headers, status in (
        ({"Authorization": "Bearer me"}, 200),
        ({}, 403),
        ({"Authorization": "Bearer me", "Host": "evil.example"}, 403),
        ({"Authorization": "Bearer me", "Origin": "http://evil.example"}, 403),
    ):
        for path in ("neighbours", "rooms"):
            async with served.client.get(f"/ws/signaling/{path}", headers=headers) as answer:
                assert answer.status == status


async def test_an_announcement_that_fails_is_reported_at_once_and_does_not_spoil_the_stop(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(announcer: Announcer) -> None:
        raise RuntimeError("a bug")

    async def wait(told: Neighbours) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Announcer, "run", fail)
    monkeypatch.setattr(Neighbours, "_browse", wait)
    served = await serve(aiohttp_client, tmp_path, announce=True)
    await until(lambda: "RuntimeError: a bug" in caplog.text, "the failure is reported")
    await served.stop()


class Browsed:
    """Replaces the search on the LAN, and counts the searches."""

    def __init__(self, *found: Neighbour) -> None:
        self._found = list(found)
        self.looks = 0

    async def neighbours(self) -> list[Neighbour]:
        self.looks += 1
        await asyncio.sleep(0)
        return self._found


async def test_simultaneous_requests_share_one_search_and_exclude_the_own_page(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def admit(request: web.Request) -> None:
        pass

    own, other = "http://10.0.0.1:5173/", "http://10.0.0.2:5173/"
    write_site(tmp_path, "my-app", own)
    browsed = Browsed(*(Neighbour("my-app", url, [], 0) for url in (own, other)))
    told = Neighbours(tmp_path, Settings(), admit)
    monkeypatch.setattr(told, "_browser", browsed)
    app = web.Application()
    told.add_to(app)
    client = await aiohttp_client(app)

    async def ask() -> None:
        async with client.get(neighbours.PATH) as answer:
            neighbour = {"name": "my-app", "url": other, "rooms": [], "peers": 0}
            assert await answer.json() == {"announced": False, "neighbours": [neighbour]}

    await asyncio.gather(*(ask() for _ in range(20)))
    await ask()
    assert browsed.looks == 1
    monkeypatch.setattr(neighbours, "FRESH_S", 0)
    await ask()
    assert browsed.looks == 2
