"""Every dialect works on its canonical path through Vite, over http and https.

One proxy rule is enough for all of them.
"""

from __future__ import annotations

from functools import partial

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.stories import STORIES, Origins, Story, play
from tests.kit.programs import Start
from tests.kit.receiving import receive
from tests.kit.ways import ANSWERS_WITHIN, OpenWay, Way, through_an_object, through_the_plugin, upgrade

pytestmark = pytest.mark.usefixtures("npm_package")

WAYS: dict[str, OpenWay] = {
    "the plugin, http": through_the_plugin,
    "the plugin, https": partial(through_the_plugin, https=True),
    "an object, http": through_an_object,
    "an object, https": partial(through_an_object, https=True),
}
WITHOUT_UPGRADE = {
    "/ws/signaling": 426,
    "/ws/signaling/mesh": 426,
    "/ws/signaling/pairing": 426,
    "/ws/signaling/match?userId=ann": 400,
    "/ws/signaling/hosted/watch-party": 426,
    "/ws/signaling/hosted?roomId=watch-party": 426,
    "/ws/signaling/matchbox/lobby?next=2": 426,
}
UPGRADED = {
    "/ws/signaling/mesh?room=other": 101,
    "/ws/signaling/hosted/watch-party?roomId=watch-party": 101,
    "/ws/signaling/hosted/watch-party?roomId=other-party": 400,
    "/ws/signaling/hosted/short": 400,
    "/ws/signaling/hosted?roomId=watch%20party": 400,
    "/ws/signaling/hosted": 400,
    "/ws/signaling/matchbox": 101,
    "/ws/signaling/matchbox/": 101,
    "/ws/signaling/matchbox/a%2Fb?next=2": 101,
    "/ws/signaling/matchbox/a/b": 404,
    "/ws/signaling/matchbox/%1B": 400,
    "/ws/signaling/nothing": 404,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=WAYS)
async def way(
    request: pytest.FixtureRequest, start_once: Start, npm_package: object, tmp_path_factory: pytest.TempPathFactory
) -> Way:
    way = await WAYS[request.param](start_once, tmp_path_factory.mktemp("way"))
    assert way.url.startswith("https:" if "https" in request.param else "http:")
    return way


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
async def test_two_peers_join_one_sends_an_offer_and_one_leaves(way: Way, story: Story) -> None:
    await play(story, story.canonical, Origins(way.url, way.url), way.url, way.sidecar)


async def test_a_plain_request_is_told_that_the_path_is_for_websockets(way: Way) -> None:
    answers = {}
    async with aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session:
        for path in WITHOUT_UPGRADE:
            async with session.get(way.url + path, ssl=False) as answer:
                answers[path] = answer.status
                text = (await answer.text()).strip()
                assert (text == "Expected WebSocket connection") == ("/match?" in path)
    assert answers == WITHOUT_UPGRADE


async def test_the_reason_for_a_refused_upgrade_passes_the_proxy(way: Way) -> None:
    assert {path: await upgrade(way.url + path, {"Origin": way.url}) for path in UPGRADED} == UPGRADED


async def test_a_client_without_an_id_is_refused(way: Way) -> None:
    for path in ("/ws/signaling/match", "/ws/signaling/match?userId="):
        async with (
            aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session,
            session.ws_connect(way.url + path, origin=way.url, ssl=False) as socket,
        ):
            end = await receive(socket)
            assert (end.type, end.data, end.extra) == (aiohttp.WSMsgType.CLOSE, 1008, "Missing userId parameter.")
