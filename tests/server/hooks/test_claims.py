"""Hooks receive the claims of the clients' access tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import enter
from tests.kit.guarded import JWT, SHARED_SECRET, bearer, is_refused, token
from tests.kit.hooks_file import hooked


async def test_admit_decides_by_the_claims_of_the_handshake(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = "def admit(connection):\n    return connection.claims is None or connection.claims['team'] == 'red'\n"
    served = await hooked(aiohttp_client, file, code, **JWT)
    assert await is_refused(served, "/ws/signaling/mesh", headers=bearer(team="blue")) == 403
    await served.connect("/ws/signaling/mesh", headers=bearer(team="red"))
    await served.connect("/ws/signaling/mesh", protocols=[f"bearer.{token(team='red')}", "signaling"])
    await served.connect()  # this client may send its token in its join
    async with served.client.get("/ws/signaling/rooms", headers=bearer(team="blue")) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("dialect", MANNERS)
async def test_on_join_decides_by_the_claims_in_every_dialect(
    aiohttp_client: AiohttpClient, file: Path, dialect: str
) -> None:
    code = "def on_join(join):\n    return join.claims['team'] == 'red' or 'for the red team'\n"
    served = await hooked(aiohttp_client, file, code, **JWT)
    for team in ("blue", "red"):
        await enter(served, MANNERS[dialect], "first-room", f"peer-{team}", headers=bearer(subject=team, team=team))

    def joined() -> list[dict[str, Any]]:
        return served.records("peer.joined") or served.records("match.queued")

    while not (joined() and served.refusals()):
        await served.settled()
    assert served.refusals() == ["refused-by-hook"]
    assert [record["data"]["subject"] for record in joined()] == ["red"]


async def test_a_publisher_outside_of_the_room_has_claims_too(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = "def on_join(join):\n    return join.claims['team'] == 'red'\n"
    served = await hooked(aiohttp_client, file, code, **JWT)
    bob = await served.connect("/ws/signaling/y-webrtc", headers=bearer(subject="bob", team="red"))
    await bob.send({"type": "subscribe", "topics": ["first-room"]})
    for team in ("blue", "red"):
        ann = await served.connect("/ws/signaling/y-webrtc", headers=bearer(team=team))
        await ann.send({"type": "publish", "topic": "first-room", "data": team})
    assert (await bob.receive())["data"] == "red"


async def test_the_claims_of_a_join_are_those_of_its_own_token(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = "def on_join(join):\n    return join.claims['team']\n"
    served = await hooked(aiohttp_client, file, code, **JWT)
    ann = await served.connect(headers=bearer(team="blue"))
    assert (await ann.join("ann"))["message"] == "blue"
    assert (await ann.join("ann", token=token(team="red")))["message"] == "red"


async def test_a_shared_secret_has_no_claims(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = "def on_join(join):\n    return str(join.claims)\n"
    served = await hooked(aiohttp_client, file, code, auth="token", auth_token=SHARED_SECRET)
    assert (await (await served.connect()).join("ann", token=SHARED_SECRET))["message"] == "{}"


async def test_without_auth_claims_are_none_and_the_token_is_for_the_hook(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    code = "def on_join(join):\n    return f'{join.claims} {join.token}'\n"
    served = await hooked(aiohttp_client, file, code)
    assert (await (await served.connect()).join("ann", token="letmein"))["message"] == "None letmein"
