"""Which handshakes of PeerJS are accepted. Refusals are ERROR frames, because PeerJS reports only these to the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.hub import RoomKey
from signaling_sidecar.hub.commands import Kick
from tests.dialects.peerjs.peers import PATH, ann, connected, error, handshake, offer, offered
from tests.kit.serving import Served, serve

MISSING = "No id, token, or key supplied to websocket server"
COMPLETE = {"id": "ann", "token": "secret", "key": "peerjs"}


@pytest.mark.parametrize("path", [PATH, "/peerjs"])
@pytest.mark.parametrize("query", [{**COMPLETE, name: value} for name in COMPLETE for value in ("", None)], ids=str)
async def test_without_an_id_a_token_or_a_key_a_client_gets_an_error(
    served: Served, path: str, query: dict[str, str | None]
) -> None:
    peer = await handshake(served, path, **{name: value for name, value in query.items() if value is not None})
    assert await peer.receive() == error(MISSING)
    assert await peer.closed() == (1008, MISSING)
    await served.settled()
    assert "secret" not in str(served.records())


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("id", "x" * 129, "'id' has 129 bytes: limit is 128 bytes"),
        ("id", "a\x1bb", "'id' must be without control characters"),
        ("key", "x" * 129, "'key' has 129 bytes: limit is 128 bytes"),
        ("token", "x" * 2049, "'token' has 2049 bytes: limit is 2048 bytes"),
    ],
)
async def test_a_bad_value_in_the_query_is_explained(served: Served, name: str, value: str, text: str) -> None:
    peer = await handshake(served, **{**COMPLETE, name: value})
    assert await peer.receive() == error(text)
    assert await peer.closed() == (1008, text)


async def test_any_key_is_accepted_unless_a_setting_names_one(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    await connected(await serve(aiohttp_client, tmp_path / "any"), id="ann", key="lwjd5qra8257b9")
    served = await serve(aiohttp_client, tmp_path / "one", peerjs_key="k1")
    await connected(served, id="ann", key="k1")
    peer = await handshake(served, **COMPLETE)
    assert await peer.receive() == error("Invalid key provided")
    assert await peer.closed() == (1008, "Invalid key provided")


@pytest.mark.one_sidecar("each sidecar of a cluster has its own limit of connections")
async def test_a_full_sidecar_says_so(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, max_connections=1)
    await ann(served)
    peer = await handshake(served, **{**COMPLETE, "id": "ben"})
    assert await peer.receive() == error("Server has reached its concurrent user limit")
    assert await peer.closed() == (1013, "full")


async def test_a_full_room_of_a_prefix_says_the_same(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, max_peers_per_room=1, peerjs_rooms_by_prefix=True)
    await connected(served, id="bar-ann")
    await connected(served, id="den-ben")
    peer = await handshake(served, **{**COMPLETE, "id": "bar-cleo"})
    assert await peer.receive() == error("Server has reached its concurrent user limit")
    assert await peer.closed() == (1008, "room-full")


async def test_a_peer_that_the_admin_has_removed_is_told_why_it_cannot_return(served: Served) -> None:
    one, other = await ann(served), await connected(served, id="ben")
    await one.send(offer("ben"))
    assert await other.receive() == offered("ann", "ben")
    assert await served.sidecar.rooms.administer(Kick(RoomKey("peerjs", "peerjs"), "ann")) is None
    assert await one.closed() == (4003, "removed")
    assert await other.receive() == {"type": "LEAVE", "src": "ann"}
    again = await handshake(served, **COMPLETE)
    assert await again.receive() == error("this peer was removed from room 'peerjs' a moment ago")
    assert await again.closed() == (1008, "barred")


async def test_rooms_by_prefix_are_isolated_and_other_ids_stay_together(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, peerjs_rooms_by_prefix=True, peerjs_expire_unknown_ids=True)
    ids = ("bar-ann", "bar-ben", "den-cleo", "dora", "-emil")
    peers = {id_: await connected(served, id=id_) for id_ in ids}
    rooms = {record["peer"]: record["room"] for record in served.records("peer.joined")}
    assert list(rooms.values()) == ["bar", "bar", "den", "peerjs", "peerjs"]
    await peers["bar-ann"].send(offer("bar-ben"))
    assert await peers["bar-ben"].receive() == offered("bar-ann", "bar-ben")
    await peers["dora"].send(offer("-emil"))
    assert await peers["-emil"].receive() == offered("dora", "-emil")
    await peers["bar-ann"].send(offer("den-cleo"))
    assert await peers["bar-ann"].receive() == {"type": "EXPIRE", "src": "den-cleo", "dst": "bar-ann"}
    await peers["den-cleo"].hears_nothing()
