"""The places in which clients send their tokens, and unusual values in these places."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects import DIALECTS
from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import hears
from tests.kit.guarded import (
    bearer,
    refused_handshake,
    token,
)
from tests.kit.serving import Peer, Served, serve
from tests.server.auth.cast import OTHER_ROOM, ROOM, every_dialect, paths_of


@every_dialect
@pytest.mark.parametrize("name", ["token", "access_token"])
async def test_a_token_in_a_url_is_refused(served: Served, dialect: str, name: str) -> None:
    for path in paths_of(dialect):
        if name in DIALECTS[dialect].token_parameters:
            continue
        joined = "&" if "?" in path else "?"
        status, text = await refused_handshake(served, f"{path}{joined}{name}={token()}")
        assert status == 400
        assert "a token must not be in a URL" in text
    for path in ("/ws/signaling/rooms", "/ws/signaling/status"):
        async with served.client.get(path, params={name: token()}) as answer:
            assert answer.status == 400


@every_dialect
async def test_the_subprotocol_carries_a_token_and_is_never_repeated(served: Served, dialect: str) -> None:
    for names in (("signaling", "bearer.{}"), ("bearer.{}", "signaling")):
        offered = [name.format(token()) for name in names]
        peer = await served.connect(paths_of(dialect)[0], protocols=offered)
        assert peer.socket.protocol == "signaling"
    assert {record["data"]["subject"] for record in served.records("connection.opened")} == {"ann"}


ODD_SUBPROTOCOLS = {
    "alone": ("bearer.{good}", 400),
    "several": ("bearer.{good}, bearer.{other}, signaling", 400),
    "with a space": ("bearer.a b, signaling", 401),
    "with illegal characters": ("bearer.{good}/=, signaling", 401),
    "empty": ("bearer., signaling", 401),
    "of another case": ("Bearer.{good}, signaling", 401),
    "not UTF-8": ("bearer.\udcff\udcfe, signaling", 401),
}


@pytest.mark.parametrize("odd", ODD_SUBPROTOCOLS)
async def test_odd_subprotocols_let_nobody_in(served: Served, odd: str) -> None:
    offered, status = ODD_SUBPROTOCOLS[odd]
    headers = {"Sec-WebSocket-Protocol": offered.format(good=token(), other=token("bob"))}
    assert (await refused_handshake(served, "/ws/signaling/pairing", headers=headers))[0] == status


async def test_two_different_tokens_in_one_handshake_are_refused(served: Served) -> None:
    good = token()
    headers = bearer(good) | {"Sec-WebSocket-Protocol": f"bearer.{token('bob')}, signaling"}
    assert await refused_handshake(served, "/ws/signaling/mesh", headers=headers) == (
        400,
        "the request has more than one token\n",
    )
    await served.connect("/ws/signaling/mesh", headers=bearer(good), protocols=[f"bearer.{good}", "signaling"])


async def test_without_auth_a_token_in_the_subprotocol_is_not_repeated_either(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    peer = await served.connect(protocols=["bearer.secret", "signaling"])
    assert peer.socket.protocol == "signaling"
    status, text = await refused_handshake(served, "/ws/signaling", headers={"Sec-WebSocket-Protocol": "bearer.secret"})
    assert (status, "secret" in text) == (400, False)


@pytest.mark.parametrize("parameter", ["token", "key"])
async def test_clients_of_peerjs_send_their_token_in_the_parameters_of_their_library(
    served: Served, parameter: str
) -> None:
    async def open_(peer: str, value: str) -> Peer:
        query = {"key": "peerjs", "id": peer, "token": f"random-{peer}", parameter: value}
        return await served.connect("/ws/signaling/peerjs?" + "&".join(f"{k}={v}" for k, v in query.items()))

    ann, bob = await open_("ann", token()), await open_("bob", token("bob"))
    assert [await ann.receive(), await bob.receive()] == [{"type": "OPEN"}] * 2
    await ann.send({"type": "OFFER", "dst": "bob", "payload": {}})
    assert (await bob.receive())["src"] == "ann"
    assert {record["room"] for record in served.records("peer.joined")} == {"peerjs"}
    thief = await open_("ann", token("eve"))
    assert (await thief.receive())["type"] == "ID-TAKEN"
    again = await open_("ann", token(lasts_s=90))
    if parameter == "token":
        assert await again.receive() == {"type": "OPEN"}
        assert await ann.closed() == (4001, "replaced")
    status, _ = await refused_handshake(served, f"/ws/signaling/peerjs?id=eve&token={token(aud='x')}&key=peerjs")
    assert status == 401


async def test_peers_of_peerjs_are_listed_for_those_with_a_token_as_key(served: Served) -> None:
    ann = await served.connect(f"/ws/signaling/peerjs?id=ann&key=peerjs&token={token()}")
    await ann.receive()
    async with served.client.get(f"/ws/signaling/{token('bob')}/peers") as answer:
        assert await answer.json() == ["ann"]
    async with served.client.get(f"/ws/signaling/{token('bob', room='other')}/peers") as answer:
        assert await answer.json() == []
    async with served.client.get("/ws/signaling/peerjs/peers") as answer:
        assert answer.status == 401


@pytest.mark.parametrize("dialect", [name for name, each in DIALECTS.items() if each.first_frames])
async def test_on_the_shared_path_the_token_counts_for_the_dialect_of_the_first_frame(
    served: Served, dialect: str
) -> None:
    manners = MANNERS[dialect]
    assert (await refused_handshake(served, "/ws"))[0] == 401
    frame = manners.enter(ROOM, "ann", 0, 1)
    path = f"/ws?room={ROOM}"
    refused = await served.connect(path, headers=bearer(room=OTHER_ROOM))
    await refused.send(frame)
    await served.settled()
    assert served.refusals() == ["unauthorised"]
    accepted = await served.connect(path, headers=bearer(room=ROOM, peer="ann"))
    await accepted.send(frame)
    if (greeting := manners.greets(ROOM, "ann")) is not None:
        await hears(accepted, greeting)
    await hears(accepted, manners.entered(ROOM, "ann", []))
    other = await served.connect(path, headers=bearer())
    await other.send({"type": "join", "roomId": ROOM, "peerId": 7, "token": token()})
    await other.receives_the_end()
