"""Connections that have not sent a token never take the places (`max_connections`) of clients with tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.authorisation import access
from signaling_sidecar.server.sockets import token_holders
from tests.kit.guarded import (
    bearer,
    guarded,
    token,
)
from tests.kit.serving import Served


async def test_an_anonymous_connection_is_closed_if_it_shows_no_token_in_time(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_holders, "LOOK_AFTER_S", 0.02)
    strangers = [await served.connect() for _ in range(3)]
    ann = await served.connect()
    await ann.join("ann", token=token(lasts_s=3600))
    assert await strangers[0].ask({"type": "ping"}) == {"type": "pong"}
    assert (await strangers[0].ask({"type": "trace"}))["code"] == "unauthorised"
    monkeypatch.setattr(access, "ANONYMOUS_FOR_S", 0.0)
    for stranger in strangers:
        assert await stranger.closed() == (4401, "unauthorised")
    assert await ann.ask({"type": "ping"}) == {"type": "pong"}


async def test_a_flood_of_anonymous_connections_takes_nobodys_place(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await guarded(aiohttp_client, tmp_path, max_connections=4)
    ann = await served.connect()
    await ann.join("ann", token=token())
    strangers = [await served.connect() for _ in range(6)]
    for stranger in strangers[:3]:
        assert await stranger.closed() == (4401, "unauthorised")
    bob = await served.connect()
    assert (await bob.join("bob", token=token("bob")))["type"] == "peer_list"
    assert (await ann.receive())["type"] == "peer_joined"
    with_tokens = [await served.connect(headers=bearer(sub=f"user-{n}")) for n in range(2)]
    late = await served.connect(headers=bearer())
    assert (await late.closed())[0] == 1013
    assert await with_tokens[0].ask({"type": "ping"}) == {"type": "pong"}
