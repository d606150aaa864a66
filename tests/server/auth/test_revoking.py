"""A revoked token is refused before it expires, and connections that use it are closed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.errors import StateDirUnusable
from signaling_sidecar.server import Sidecar
from tests.kit.guarded import SHARED_SECRET, bearer, guarded, is_refused, revoke, token
from tests.kit.programs import until
from tests.kit.serving import Served, serve

WAITING_HOOK = """
import asyncio
from pathlib import Path

async def admit(connection):
    (Path(__file__).parent / "asked").touch()
    while not (Path(__file__).parent / "decide").exists():
        await asyncio.sleep(0.01)
"""


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path) -> Served:
    return await guarded(aiohttp_client, tmp_path)


async def test_after_a_logout_the_token_cannot_be_used_again(served: Served) -> None:
    ann, ben = await served.connect(), await served.connect()
    of_ann = token(jti="t1")
    await ann.join("ann", token=of_ann)
    await ben.join("ben", token=token("ben"))
    await ann.receive()  # ben has joined
    assert await revoke(served, {"jti": "t1"}) == (200, {"closed": 1})
    assert await ann.closed() == (4401, "token revoked")
    away = await ben.receive()
    assert (away["type"], away["peerId"], away["away"]) == ("peer_updated", "ann", True)
    assert (await (await served.connect()).join("ann", token=of_ann))["message"] == "the token has been revoked"
    assert await is_refused(served, "/ws/signaling", headers=bearer(of_ann)) == 401
    assert (await (await served.connect()).join("ann", token=token(jti="t2")))["type"] == "peer_list"
    assert [record["data"] for record in served.records("auth.revoked")] == [{"connections": 1}]
    assert {record["data"]["why"] for record in served.records("auth.failed")} == {"revoked"}


async def test_a_session_waits_for_a_valid_token_as_after_a_lost_connection(served: Served) -> None:
    ann = await served.connect()
    joined = await ann.join("ann", token=token(jti="t1"), resume=True)
    await revoke(served, {"jti": "t1"})
    await ann.closed()
    resume = {"token": joined["resume"]["token"], "after": 0}
    again = await served.connect()
    assert (await again.join("ann", token=token(jti="t1"), resume=resume))["code"] == "unauthorised"
    assert (await again.join("ann", token=token(jti="t2"), resume=resume))["type"] == "resumed"


async def test_all_tokens_of_a_subject_that_were_issued_until_now_are_revoked(served: Served) -> None:
    now_s = int(time.time())
    by_handshake = await served.connect(headers=bearer(iat=now_s - 100))
    by_frame = await served.connect()
    await by_frame.join("ann", token=token(iat=now_s))
    other = await served.connect(headers=bearer(subject="ben", iat=now_s - 100))
    assert await revoke(served, {"sub": "ann"}) == (200, {"closed": 2})
    for peer in (by_handshake, by_frame):
        assert (await peer.closed())[0] == 4401
    assert (await other.join("ben"))["type"] == "peer_list"
    assert await is_refused(served, "/ws/signaling", headers=bearer(iat=now_s - 1)) == 401
    assert await is_refused(served, "/ws/signaling", headers=bearer()) == 401  # a token without `iat`
    await served.connect(headers=bearer(iat=now_s + 5))


async def test_a_connection_that_is_in_a_room_with_a_revoked_token_ends(served: Served) -> None:
    peer = await served.connect(headers=bearer())
    await peer.join("ann", room="bar", token=token(jti="t1"))
    assert await revoke(served, {"jti": "t1", "exp": time.time() + 60}) == (200, {"closed": 1})
    assert (await peer.closed())[0] == 4401


async def test_revoked_tokens_stay_revoked_after_a_restart(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    first = await guarded(aiohttp_client, tmp_path)
    await revoke(first, {"jti": "t1"})
    (first.sidecar.state_dir / "revoked.json").unlink()  # the sidecar writes deleted files again
    first.sidecar.held_state_dir.look_after()
    assert (first.sidecar.state_dir / "revoked.json").stat().st_mode & 0o777 == 0o600
    await first.stop()
    second = await guarded(aiohttp_client, tmp_path)
    assert await is_refused(second, "/ws/signaling", headers=bearer(jti="t1")) == 401
    await second.connect(headers=bearer(jti="t2"))
    await second.stop()
    (second.sidecar.state_dir / "revoked.json").write_text("{")
    third = web.AppRunner(Sidecar(second.sidecar.settings).app())
    with pytest.raises(StateDirUnusable, match="the list of revoked tokens is damaged"):
        await third.setup()


async def test_a_token_that_is_revoked_while_a_hook_decides_does_not_get_in(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    file = tmp_path / "signaling_hooks.py"
    file.write_text(WAITING_HOOK)
    served = await guarded(aiohttp_client, tmp_path, hooks=file)
    entering = asyncio.create_task(is_refused(served, "/ws/signaling", headers=bearer(jti="t1")))
    await until((tmp_path / "asked").exists, "the hook is asked")
    assert await revoke(served, {"jti": "t1"}) == (200, {"closed": 0})
    (tmp_path / "decide").touch()
    assert await entering == 401


@pytest.mark.parametrize(
    "body",
    [{}, {"jti": "t1", "sub": "ann"}, {"jti": ""}, {"sub": 7}, {"sub": "ann", "exp": 1}, {"jti": "t1", "exp": "x"}, []],
)
async def test_a_request_that_does_not_say_what_to_revoke_is_refused(served: Served, body: Any) -> None:
    status, answer = await revoke(served, body)
    assert (status, answer["code"]) == (400, "bad-field")


async def test_only_an_administrator_can_revoke(served: Served) -> None:
    assert (await revoke(served, {"jti": "t1"}, token()))[0] == 403
    assert (await revoke(served, {"jti": "t1"}, "guess"))[0] == 401
    assert await revoke(served, {"jti": "t1"}, token(scope="admin")) == (200, {"closed": 0})


async def test_a_list_that_cannot_be_written_is_reported_and_the_token_is_refused(served: Served) -> None:
    (served.sidecar.state_dir / "revoked.json.new").mkdir()
    status, answer = await revoke(served, {"jti": "t1"})
    assert (status, answer["code"]) == (503, "not-kept")
    assert await is_refused(served, "/ws/signaling", headers=bearer(jti="t1")) == 401


async def test_a_shared_secret_or_no_token_cannot_be_revoked(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    for number, settings in enumerate([{"auth": "token", "auth_token": SHARED_SECRET}, {}]):
        served = await serve(aiohttp_client, tmp_path / str(number), **settings)
        status, answer = await revoke(served, {"sub": "ann"})
        assert (status, answer["message"]) == (409, "only tokens of --auth jwt can be revoked")
