"""Original clients use the sidecar's port, and the paths of the original servers, from pages of other origins."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.dialects.shared_path import SHARED_PATH
from tests.e2e.stories import ROOM, STORIES, Origins, Paths, Story, play
from tests.kit.programs import Start
from tests.kit.receiving import receive
from tests.kit.sites import Sidecar, close_all_rooms, start_sidecar
from tests.kit.ways import ANSWERS_WITHIN, upgrade

NEXT_PAGE = "http://app.example:3000"
FOREIGN_PAGE = "http://app.example:3001"
EXTENSION = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
PAGES = Origins(NEXT_PAGE, EXTENSION)
ALLOWED = ("--allow-origin", NEXT_PAGE, "--allow-origin", EXTENSION)
PATHS = sorted({path for story in STORIES.values() for path in (*story.canonical, *story.other_paths)})
UNKNOWN_FIRST_FRAMES = [
    '{"type":"hello"}',
    '{"type":"offer","from":"ann","to":"ben","sdp":"v=0"}',
    '{"type":"PING","timestamp":1735171200000}',
    '{"type":"matchmaking","matchSize":2}',
    '{"type":"join"}',
    '{"type":"join","peerId":""}',
    '{"type":7}',
    '["join"]',
    "join",
    b'{"type":"join","peerId":"ann"}',
]
REGISTER = '{"type":"register","pairingCode":"ABC234"}'
NOT_ROOMS_OR_MESH = [
    "/ws/signaling/pairing",
    "/ws/signaling/match?userId=ann",
    "/ws/signaling/hosted/watch-party",
    "/ws/signaling/hosted?roomId=watch-party",
    "/signal?userId=ann",
    "/ws?roomId=watch-party",
    "/",
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_sidecar(start_once: Start, tmp_path_factory: pytest.TempPathFactory) -> Sidecar:
    return await start_sidecar(start_once, tmp_path_factory.mktemp("open"), ALLOWED)


@pytest.fixture
def sidecar(running_sidecar: Sidecar) -> Sidecar:
    """A sidecar that allows the origins of both pages. Its rooms are empty when a test begins."""
    close_all_rooms(running_sidecar)
    return running_sidecar


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def closed(start_once: Start, tmp_path_factory: pytest.TempPathFactory) -> Sidecar:
    """A sidecar without flags."""
    return await start_sidecar(start_once, tmp_path_factory.mktemp("closed"))


async def end_after(url: str, frame: str | bytes) -> tuple[object, int | None]:
    """Connect, send a first frame, and return the type of the answer, and its code if it is a Close."""
    async with (
        aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session,
        session.ws_connect(url) as socket,
    ):
        await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        message = await receive(socket)
        return message.type, message.data if message.type is aiohttp.WSMsgType.CLOSE else None


CLOSED_1008 = (aiohttp.WSMsgType.CLOSE, 1008)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
async def test_an_original_client_works_on_its_own_path(sidecar: Sidecar, story: Story) -> None:
    await play(story, story.original, PAGES, sidecar.url, sidecar)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
async def test_it_meets_a_client_on_the_canonical_path(sidecar: Sidecar, story: Story) -> None:
    await play(story, Paths(story.canonical.ann, story.original.ben), PAGES, sidecar.url, sidecar)


async def test_three_dialects_on_one_path_do_not_meet(sidecar: Sidecar) -> None:
    together = [story for story in STORIES.values() if story.original.ben.partition("?")[0] == SHARED_PATH]
    assert len(together) == sum(bool(each.first_frames or each.query_chooses) for each in DIALECTS.values())
    await asyncio.gather(*(play(story, story.original, PAGES, sidecar.url, sidecar) for story in together))


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_of_another_origin_is_refused_until_the_origin_is_allowed(
    sidecar: Sidecar, closed: Sidecar, page: str
) -> None:
    assert {path: await upgrade(closed.url + path, {"Origin": page}) for path in PATHS} == dict.fromkeys(PATHS, 403)
    assert {path: await upgrade(sidecar.url + path, {"Origin": page}) for path in PATHS} == dict.fromkeys(PATHS, 101)
    await closed.program.line(f"--allow-origin {page}$")


@pytest.mark.parametrize("path", ["/ws/signaling/hosted/watch-party", "/ws?roomId=watch-party"])
async def test_a_page_of_an_allowed_origin_may_read_the_responses_of_hosted(sidecar: Sidecar, path: str) -> None:
    async with aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session:
        async with session.get(sidecar.url + path, headers={"Origin": EXTENSION}) as answer:
            assert answer.status == 426
            assert answer.headers["Access-Control-Allow-Origin"] == EXTENSION
        async with session.get(sidecar.url + path, headers={"Origin": FOREIGN_PAGE}) as answer:
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers


async def test_opening_the_port_in_a_browser_shows_an_explanation(closed: Sidecar) -> None:
    async with aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session, session.get(closed.url) as answer:
        assert answer.status == 200
        assert len((await answer.text()).splitlines()) == 1


async def test_any_other_first_frame_ends_the_connection(closed: Sidecar) -> None:
    ends = {frame: await end_after(f"{closed.url}/ws", frame) for frame in UNKNOWN_FIRST_FRAMES}
    assert ends == dict.fromkeys(UNKNOWN_FIRST_FRAMES, CLOSED_1008)


async def test_only_the_configured_dialects_are_served(start: Start, tmp_path: Path) -> None:
    sidecar = await start_sidecar(start, tmp_path, ["--dialects", "rooms,mesh"])
    answers = {path: await upgrade(sidecar.url + path) for path in NOT_ROOMS_OR_MESH}
    assert answers == dict.fromkeys(NOT_ROOMS_OR_MESH, 404)
    assert await end_after(f"{sidecar.url}/ws", REGISTER) == CLOSED_1008
    assert await end_after(f"{sidecar.url}/ws", '{"type":"ping"}') == CLOSED_1008
    for served in ("rooms", "mesh"):
        await play(STORIES[served], STORIES[served].original, Origins(sidecar.url, sidecar.url), sidecar.url, sidecar)


async def test_an_unknown_dialect_is_reported_to_the_operator(start: Start, tmp_path: Path) -> None:
    program = await start(["sidecar", "serve", "--port", "0", "--dialects", "rooms,mash"], tmp_path)
    assert await program.ended() == 2
    await program.line(r"dialects.*mash")


async def test_the_command_lists_all_dialects_with_their_paths(start: Start, tmp_path: Path) -> None:
    program = await start(["sidecar", "dialects"], tmp_path)
    assert await program.ended() == 0
    await program.stop()  # `stop` also waits until all lines are read
    names = [line.split()[0] for line in program.lines if not line.startswith(" ")]
    assert names == list(STORIES)
    for section, story in zip(re.split(r"\n(?!\s)", "\n".join(program.lines)), STORIES.values(), strict=True):
        listed = set(re.findall(r"^\s+(/[^\s?]*)", section, re.MULTILINE))
        assert listed >= set(DIALECTS[section.split()[0]].paths)
        used = {path.partition("?")[0] for path in (*story.canonical, *story.other_paths)}
        assert {re.sub(r"\{\w+\}", ROOM, path) for path in listed} >= used
