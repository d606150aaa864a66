"""A phone and a laptop on one network: Chromium on two simulated hosts, which only a switch connects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, expect

from tests.e2e.demo_page import DemoPage, new_page, seen, watch
from tests.e2e.lan_demo import CLICK_THROUGH, comes, new_phone, start_lan_demo, talk, waits
from tests.e2e.qr_codes import text_in
from tests.kit.browsers import launched
from tests.kit.lan import Lan
from tests.kit.programs import Start, until
from tests.kit.sites import Site, network_url_in, start_demo

NOTICES_WITHIN_S = 40.0  # seconds; the sidecar sends a ping every 15 s, and waits 10 s for the pong
CANDIDATES = """id => {
  const { localDescription, remoteDescription } = demo.mesh.connectionTo(id)
  return [localDescription, remoteDescription].map(({ sdp }) =>
    [...sdp.matchAll(/^a=candidate:(?:\\S+ ){4}(\\S+)/gm)].map(([, address]) => address))
}"""
People = tuple[DemoPage, DemoPage]


class Browsers(NamedTuple):
    laptop: Browser
    phone: Browser


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(lan: Lan, start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return await start_lan_demo(lan.laptop, start_once, tmp_path_factory.mktemp("home"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browsers(
    request: pytest.FixtureRequest,
    lan: Lan,
    playwright: Playwright,
    browser_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Browsers]:
    """A browser on each host.

    Pages send candidates with mDNS names, as is usual, or with IP addresses, as if they used a camera.
    """
    folder = tmp_path_factory.mktemp("browsers")
    laptop, phone = (host.program(browser_path, folder) for host in (lan.laptop, lan.phone))
    disabled = ["WebRtcHideLocalIpsWithMdns"] if request.param == "addresses" else []
    async with (
        launched(playwright, laptop, disabled_features=disabled) as on_laptop,
        launched(playwright, phone, disabled_features=disabled) as on_phone,
    ):
        yield Browsers(on_laptop, on_phone)


with_names = pytest.mark.parametrize("browsers", ["names"], indirect=True)
with_both = pytest.mark.parametrize("browsers", ["names", "addresses"], indirect=True)


@pytest_asyncio.fixture(loop_scope="session")
async def people(browsers: Browsers) -> AsyncIterator[People]:
    """Open a page for Ann on the laptop, and one for Ben on the phone."""
    ann = await new_page(browsers.laptop, "Ann", **CLICK_THROUGH)
    ben = await new_phone(browsers.phone)
    yield ann, ben
    for person in (ann, ben):
        await person.page.context.close()


@with_both
async def test_a_phone_opens_the_url_in_the_qr_code_and_joins_with_one_tap(
    request: pytest.FixtureRequest, lan: Lan, demo: Site, people: People
) -> None:
    ann, ben = people
    await ann.open(demo.url)
    url = await text_in(ann.page.get_by_test_id("lobby").get_by_test_id("qr"))
    assert url == await network_url_in(demo.vite)
    assert url.startswith(f"https://{lan.laptop.ipv4}:")
    await waits(ann, demo.url, "bar")
    assert await text_in(ann.page.get_by_test_id("room").get_by_test_id("qr")) == f"{url}?room=bar"
    await comes(ben, url, "bar")
    await talk(ann, ben)
    own, his = await ann.page.evaluate(CANDIDATES, await ben.peer_id())
    # With names, each browser resolves those of the other by mDNS.
    if request.node.callspec.params["browsers"] == "names":
        assert {host.rpartition(".")[2] for host in own + his} == {"local"}
    else:
        assert {*own} <= {lan.laptop.ipv4, lan.laptop.ipv6}
        assert {*his} <= {lan.phone.ipv4, lan.phone.ipv6}
    assert ann.faults == ben.faults == []


@with_names
async def test_a_phone_connects_over_ipv6_and_without_https(
    lan: Lan, start_once: Start, npm_package: Path, people: People, tmp_path: Path
) -> None:
    demo = await start_demo(lan.laptop.starting(start_once), {"XDG_STATE_HOME": str(tmp_path)}, ["--host"])
    ann, ben = people
    await waits(ann, demo.url, "bar")
    await comes(ben, demo.url.replace("localhost", f"[{lan.laptop.ipv6}]"), "bar")
    await talk(ann, ben)
    assert not await ben.page.evaluate("isSecureContext")
    assert ann.faults == ben.faults == []


@with_names
async def test_a_call_continues_after_the_cable_was_unplugged(lan: Lan, demo: Site, people: People) -> None:
    """The interruption is so long that the browsers notice it, and that the sidecar tells Ann that Ben is away."""
    ann, ben = people
    await waits(ann, demo.url, "kitchen")
    await comes(ben, await network_url_in(demo.vite), "kitchen")
    await talk(ann, ben)
    ids = [await person.peer_id() for person in people]
    for one, other in (people, people[::-1]):
        await one.keep_connection_to(other)
        await watch(one)
    with lan.phone.cable_pulled():
        await until(lambda: "peer.away_told" in happened(demo, "kitchen"), "the sidecar notices", NOTICES_WITHIN_S)
        await expect(ben.banner).to_contain_text("Reconnecting")
        for one, other in (people, people[::-1]):
            await expect(one.tile(other.name)).not_to_have_attribute("data-state", "connected")
    await ben.page.wait_for_function("seen.events.includes('resumed') && demo.client.joined")
    await talk(ann, ben, "again")
    assert [await person.peer_id() for person in people] == ids
    for one, other in (people, people[::-1]):
        assert await one.has_kept_connection_to(other)
    assert await seen(ann) == {"tiles": [], "events": ["peer_updated", "peer_updated"]}  # Ben is away, and then back
    assert await seen(ben) == {"tiles": [], "events": ["resumed"]}
    away_and_back = ["peer.away", "peer.away_told", "peer.resumed"]
    assert happened(demo, "kitchen") == ["room.created", "peer.joined", "peer.joined", *away_and_back]
    assert ann.faults == ben.faults == []


def happened(demo: Site, room: str) -> list[str]:
    """The types of the records about the room and its peers."""
    types = [record["type"] for record in demo.sidecar.records() if record.get("room") == room]
    return [each for each in types if each.startswith(("peer.", "room."))]
