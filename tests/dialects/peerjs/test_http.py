"""The HTTP routes from which PeerJS requests an id and the list of connected peers."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.dialects.peerjs.peers import ann, connected
from tests.kit.serving import Served, serve

PREFIXES = ["", "/ws/signaling"]
QUERY = "?ts=17.5&version=1.5.5"


async def get(served: Served, path: str, **headers: str) -> tuple[int, str, str]:
    async with served.client.get(path, headers=headers, allow_redirects=False) as answer:
        return answer.status, answer.content_type, await answer.text()


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("key", ["peerjs", "any key"])
async def test_each_request_for_an_id_is_answered_with_another_bare_uuid(served: Served, prefix: str, key: str) -> None:
    ids = set()
    for _ in range(2):
        status, type_, text = await get(served, f"{prefix}/{key}/id{QUERY}")
        assert (status, type_) == (200, "text/plain")
        assert str(uuid.UUID(text)) == text
        ids.add(text)
    assert len(ids) == 2


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_nobody_can_list_the_peers_unless_a_setting_allows_it(served: Served, prefix: str) -> None:
    await ann(served)
    status, _, text = await get(served, f"{prefix}/peerjs/peers{QUERY}")
    assert status == 401
    assert "peerjs.discovery = true" in text, "the terminal of Vite shows this text, so it must name the setting"
    assert "ann" not in text


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_with_discovery_the_connected_peers_with_the_same_key_are_listed(
    aiohttp_client: AiohttpClient, tmp_path: Path, prefix: str
) -> None:
    served = await serve(aiohttp_client, tmp_path, peerjs_discovery=True)
    assert await get(served, f"{prefix}/peerjs/peers{QUERY}") == (200, "application/json", "[]")
    await ann(served)
    ben = await connected(served, id="ben")
    await connected(served, id="cleo", key="other")
    assert (await get(served, f"{prefix}/peerjs/peers"))[2] == '["ann","ben"]'
    await ben.socket.close(code=4999)
    await served.settled()
    assert [record["peer"] for record in served.records("peer.away")] == ["ben"]
    assert (await get(served, f"{prefix}/peerjs/peers"))[2] == '["ann"]'


@pytest.mark.parametrize("path", ["/", "/ws/signaling/"])
async def test_the_server_names_itself_as_the_original_does(served: Served, path: str) -> None:
    async with served.client.get(path) as answer:
        about: dict[str, Any] = await answer.json()
    assert about.keys() == {"name", "description", "website"}
    assert about["name"] == "PeerJS Server"


async def test_a_person_still_gets_the_status_page(served: Served) -> None:
    status, type_, _ = await get(served, "/ws/signaling", Accept="text/html")
    assert (status, type_) == (200, "text/html")
    assert (await get(served, "/", Accept="text/html"))[0] == 302


@pytest.mark.parametrize("path", [f"{prefix}/peerjs/{what}" for prefix in PREFIXES for what in ("id", "peers")])
async def test_only_pages_of_allowed_origins_may_read_the_answers(served: Served, path: str) -> None:
    async with served.client.get(path, headers={"Origin": "http://localhost:5173"}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    async with served.client.get(path, headers={"Origin": "http://evil.example"}) as answer:
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ws/signaling/rooms", 200),
        ("/ws/signaling/mesh", 426),
        ("/ws/signaling/hosted/watch-party", 426),
        ("/ws/signaling/peerjs", 426),
        ("/health", 200),
        ("/admin/v1/rooms", 401),
        ("/nothing/here", 404),
    ],
)
async def test_other_paths_are_answered_as_they_were(served: Served, path: str, status: int) -> None:
    assert (await get(served, path))[0] == status


async def test_a_room_of_another_protocol_may_have_the_name_of_a_route(served: Served) -> None:
    host = await served.connect("/ws/signaling/hosted/peers-room")
    frame = {"type": "CREATE_ROOM", "roomId": "peers-room", "userId": "u1", "userName": "U", "timestamp": 0}
    assert (await host.ask(frame))["type"] == "ROOM_CREATED"
    assert (await get(served, "/ws/signaling/hosted/id"))[0] == 400
