"""The way in which Chromium closes a connection decides how long its session is kept (PROTOCOLS.md, "Rule 8")."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.e2e.stories import has
from tests.kit.browsers import kill
from tests.kit.programs import Start, until
from tests.kit.sites import Sidecar, Site, sidecar_in, start_vite, url_in, write_project
from tests.kit.ways import config_with_plugin

# The relevant part of the original clients: they connect, and send their id. One page contains all clients.
PAGE = """<!doctype html>
<title>original clients</title>
<script>
  const sockets = []
  function enter([path, frame]) {
    const socket = new WebSocket(`ws://${location.host}${path}`)
    socket.onopen = () => socket.send(JSON.stringify(frame))
    sockets.push(socket)
  }
</script>
"""


def rooms(name: str) -> tuple[str, dict[str, Any]]:
    return "/ws/signaling", {"type": "join", "roomId": name, "peerId": name}


def mesh(name: str) -> tuple[str, dict[str, Any]]:
    return "/ws/signaling/mesh", {"type": "join", "peerId": name}


def pairing(name: str) -> tuple[str, dict[str, Any]]:
    return "/ws/signaling/pairing", {"type": "register", "pairingCode": name}


def match_found(name: str) -> tuple[str, dict[str, Any]]:
    return f"/ws/signaling/match?userId={name}", {"type": "matchmaking", "matchSize": 1}


def match_waiting(name: str) -> tuple[str, dict[str, Any]]:
    return f"/ws/signaling/match?userId={name}", {"type": "matchmaking", "matchSize": 16}


def hosted(name: str) -> tuple[str, dict[str, Any]]:
    create = {"type": "CREATE_ROOM", "roomId": name, "userId": name, "userName": name, "timestamp": 1735171200000}
    return f"/ws/signaling/hosted/{name}", create


Client = Callable[[str], tuple[str, dict[str, Any]]]
"""A function that returns the path and the first frame of a client with this name."""


async def sockets_closed(page: Page) -> None:
    await page.evaluate("for (const socket of sockets) socket.close()")


async def page_closed(page: Page) -> None:
    await page.close()


async def page_reloaded(page: Page) -> None:
    await page.reload()


async def browser_killed(page: Page) -> None:
    browser = page.context.browser
    assert browser is not None
    await kill(browser)


class Ending(NamedTuple):
    does: Callable[[Page], Awaitable[None]]
    name: str
    code: int | None
    """The code of the Close frame: 0 if it contains none, and None if there is no Close frame."""


ENDINGS = [
    Ending(sockets_closed, "closed", 0),
    Ending(page_closed, "unloaded", 1001),
    Ending(page_reloaded, "unloaded", 1001),
    Ending(browser_killed, "lost", None),
]


class Fate(NamedTuple):
    record: str
    grace_s: float | None = None


LEFT = Fate("peer.left")
OUT_OF_THE_QUEUE = Fate("match.cancelled")
KEPT_5_S = Fate("peer.away", 5)
KEPT_30_S = Fate("peer.away", 30)
FATES: dict[Client, dict[str, Fate]] = {
    rooms: {"closed": LEFT, "unloaded": KEPT_5_S, "lost": KEPT_30_S},
    mesh: {"closed": LEFT, "unloaded": LEFT, "lost": LEFT},
    pairing: {"closed": LEFT, "unloaded": LEFT, "lost": LEFT},
    match_waiting: {"closed": OUT_OF_THE_QUEUE, "unloaded": OUT_OF_THE_QUEUE, "lost": OUT_OF_THE_QUEUE},
    match_found: {"closed": KEPT_5_S, "unloaded": KEPT_5_S, "lost": KEPT_5_S},
    hosted: {"closed": KEPT_30_S, "unloaded": KEPT_30_S, "lost": KEPT_30_S},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(start_once: Start, npm_package: object, tmp_path_factory: pytest.TempPathFactory) -> Site:
    project = write_project(tmp_path_factory.mktemp("site") / "app", config_with_plugin())
    (project / "index.html").write_text(PAGE)
    vite = await start_vite(start_once, project)
    return Site(await url_in(vite), vite, await sidecar_in(vite))


async def logged(sidecar: Sidecar, *types: str, **fields: Any) -> dict[str, Any]:
    """Wait for the first record of these types with these fields, and return it with decoded data."""

    def found() -> list[dict[str, Any]]:
        records = [each for each in sidecar.records() if each["type"] in types]
        decoded = [{**each, "data": json.loads(each.get("data", "{}"))} for each in records]
        return [each for each in decoded if has(each, fields)]

    await until(found, f"the log has one of {types} with {fields}")
    return found()[0]


class Peer(NamedTuple):
    """The ids of a client's connection and its peer in the log."""

    connection: str
    id: str


async def enter(client: Client, name: str, page: Page, site: Site) -> Peer:
    connections_before = connections(site.sidecar)
    await page.evaluate("enter", client(name))
    await until(lambda: len(connections(site.sidecar)) > len(connections_before), f"{name} has connected")
    connection = connections(site.sidecar)[-1]
    entered = await logged(site.sidecar, "peer.joined", "match.queued", connection=connection)
    return Peer(connection, entered["peer"])


def connections(sidecar: Sidecar) -> list[str]:
    return [record["connection"] for record in sidecar.records() if record["type"] == "connection.opened"]


async def fate_of(peer: Peer, sidecar: Sidecar) -> Fate:
    """What the sidecar does with the peer's session after the connection has ended, according to the log."""
    next_ = await logged(sidecar, "peer.left", "peer.away", "match.cancelled", peer=peer.id)
    return Fate(next_["type"], next_["data"].get("grace_s"))


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.does.__name__)
async def test_the_way_a_browser_closes_decides_whether_the_session_is_kept(
    site: Site, browser: Browser, ending: Ending
) -> None:
    page = await browser.new_page()
    await page.goto(site.url)
    peers = {
        client: await enter(client, f"{client.__name__}-{ending.does.__name__}".replace("_", "-"), page, site)
        for client in FATES
    }
    await ending.does(page)
    for client, peer in peers.items():
        end = (await logged(site.sidecar, "connection.closed", connection=peer.connection))["data"]
        assert (end["ending"], end.get("code"), end["by"]) == (ending.name, ending.code, "peer"), client
        assert await fate_of(peer, site.sidecar) == FATES[client][ending.name], client
