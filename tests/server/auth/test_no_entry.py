"""Without a valid token, no path, HTTP route or kind of frame of any dialect can be used."""

from __future__ import annotations

import time
from typing import Any

import pytest

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.hub.commands import Ping
from tests.dialects.likely_frames import Cast, encoded, said
from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import meet
from tests.kit import tokens
from tests.kit.guarded import (
    REFUSED_IN_HANDSHAKE,
    bearer,
    refused_handshake,
    token,
)
from tests.kit.serving import Served
from tests.kit.wire import Wire
from tests.server.auth.cast import ROOM, every_dialect, paths_of

OPEN_ROUTES = {f"{prefix}/{{key}}/id" for prefix in ("", "/ws/signaling", "/ws/signaling/peerjs")}
WRONG = {
    "of another issuer": lambda: tokens.hs256(_payload(), secret="a secret of somebody else entirely"),
    "not signed": lambda: tokens.unsigned("none", _payload()),
    "expired": lambda: token(lasts_s=-60),
    "for another audience": lambda: token(aud="another app"),
    "without a subject": lambda: token(sub=None),
    "no token at all": lambda: "open sesame",
    "too long": lambda: "a" * 8000,
    "empty": lambda: "",
}


def _payload() -> dict[str, Any]:
    return {"sub": "ann", "aud": "signaling", "exp": time.time() + 60}


@pytest.mark.parametrize("dialect", REFUSED_IN_HANDSHAKE)
async def test_a_handshake_without_a_token_is_refused_at_every_path(served: Served, dialect: str) -> None:
    for path in paths_of(dialect):
        assert (await refused_handshake(served, path))[0] == 401
    # PeerJS always sends a parameter that may contain the token. Without a token, it contains a random text.
    why = "malformed" if DIALECTS[dialect].token_parameters else "missing"
    assert {record["data"]["why"] for record in served.records("auth.failed")} == {why}
    assert served.records("connection.opened") == []


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - set(REFUSED_IN_HANDSHAKE)))
async def test_without_a_token_no_frame_of_any_kind_is_carried_out(served: Served, dialect: str) -> None:
    frames = said(dialect, Cast((("ann", ROOM),), ("bob",)))
    assert DIALECTS[dialect].kinds <= frames.keys()
    member = (await meet(served, MANNERS[dialect], ROOM, "bob", headers=bearer(sub="bob")))[0]
    wire = Wire(dialect)
    for _, frame in (each for kind in frames for each in frames[kind][:4]):
        if isinstance(wire.decode(encoded(frame), wire.caller("ann"), 0), Ping):
            continue  # a ping tells nothing about rooms
        anonymous = await served.connect(paths_of(dialect)[0])
        refused = len(served.refusals())
        await anonymous.send(frame if isinstance(frame, bytes) else encoded(frame).decode())
        await served.settled()
        assert served.refusals()[refused:] == ["unauthorised"], frame
    await member.hears_nothing()


@every_dialect
async def test_every_route_of_every_dialect_needs_a_token(served: Served, dialect: str) -> None:
    for route in DIALECTS[dialect].routes:
        path = route.path.replace("{key}", "peerjs")
        status = 200 if route.path in OPEN_ROUTES else 401
        async with served.client.request(route.method, path) as answer:
            assert answer.status == status, route.path
            assert status == 200 or answer.headers["WWW-Authenticate"] == "Bearer"
        async with served.client.request(route.method, path, headers=bearer()) as answer:
            assert answer.status == 200, route.path


async def test_every_path_of_the_sidecar_needs_a_token_except_those_that_are_listed_here(served: Served) -> None:
    """A new path must require a token, unless somebody adds the path to the list in this test."""
    is_open = {
        "/health",
        "/ready",
        "/inspector",
        "/inspector/",
        "/inspector/{name}",
        "/inspector/api/session",
        *OPEN_ROUTES,
    }
    explains = {"/socket.io/", "/ws/signaling/socket.io/"}  # the answer says that there is no Socket.IO server
    found = set()
    for resource in served.client.server.app.router.resources():  # type: ignore[union-attr]
        for route in resource:
            path = resource.canonical
            found.add(path)
            address = path.replace("{name}", "app.js").replace("{", "").replace("}", "")
            method = "GET" if route.method == "*" else route.method
            async with served.client.request(method, address, allow_redirects=False) as answer:
                if method == "OPTIONS" or path in is_open | explains:
                    assert answer.status not in (401, 403), (method, path)
                else:
                    assert answer.status == 401, (method, path)
    assert is_open <= found


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("dialect", REFUSED_IN_HANDSHAKE)
async def test_a_wrong_token_is_refused_in_the_handshake(served: Served, dialect: str, wrong: str) -> None:
    value = WRONG[wrong]()
    path = paths_of(dialect)[0]
    told = "the token has expired\n" if wrong == "expired" else "the token is not valid\n"
    for headers in (bearer(value), {"Sec-WebSocket-Protocol": f"bearer.{value}, signaling"}):
        assert await refused_handshake(served, path, headers=headers) == (401, told)
    assert served.records("connection.opened") == []


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_token_in_a_join_is_refused_and_the_third_one_closes_the_connection(
    served: Served, wrong: str
) -> None:
    ann = await served.connect()
    told = "the token has expired" if wrong == "expired" else "the token is not valid"
    for _ in range(3):
        assert await ann.join("ann", token=WRONG[wrong]()) == {"type": "error", "code": "unauthorised", "message": told}
    assert await ann.closed() == (4401, "unauthorised")
    assert len(served.records("auth.failed")) == 3


@every_dialect
async def test_with_a_valid_token_everything_is_as_without_tokens(served: Served, dialect: str) -> None:
    manners = MANNERS[dialect]
    ann, bob = await meet(served, manners, ROOM, "ann", "bob", headers=bearer())
    await ann.send(manners.offer(ROOM, "ann", "bob", "hello"))
    assert await bob.receive() == manners.arrives(ROOM, "ann", "bob", "hello")
    assert {record["data"]["subject"] for record in served.records("connection.opened")} == {"ann"}
    assert {record["data"]["subject"] for record in served.records("peer.joined")} == {"ann"}
