"""What attackers try against a sidecar that requires tokens, over real sockets and for every dialect."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.hub import Ending
from signaling_sidecar.server.authorisation import access
from signaling_sidecar.server.sockets import token_holders
from tests.dialects.likely_frames import Cast, encoded, said
from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import enter, hears, meet
from tests.kit import tokens
from tests.kit.guarded import (
    JWT,
    REFUSED_IN_HANDSHAKE,
    SHARED_SECRET,
    bearer,
    guarded,
    refused_handshake,
    token,
)
from tests.kit.serving import Peer, Served, serve

ROOM, OTHER_ROOM = "first-room", "second-room"
SETTINGS = {"peerjs_discovery": True, "pairing_cross_code": True}
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
CHOOSE_IDS = [name for name, manners in MANNERS.items() if not manners.gives_ids and name != "pairing"]
"""The dialects whose clients choose their peer ids."""
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def _payload() -> dict[str, Any]:
    return {"sub": "ann", "aud": "signaling", "exp": time.time() + 60}


@pytest.fixture
def expire(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let all tokens expire that last only a minute, as `token` makes them."""
    monkeypatch.setattr(token_holders, "LOOK_AFTER_S", 0.02)
    return lambda: monkeypatch.setattr(access, "LEEWAY_S", -120.0)


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path) -> Served:
    return await guarded(aiohttp_client, tmp_path, **SETTINGS)


def paths_of(dialect: str) -> list[str]:
    manners = MANNERS[dialect]
    return [manners.path(ROOM, "ann"), *manners.other_paths(ROOM, "ann")]


async def nobody_is_in(served: Served, *rooms: str) -> None:
    """Assert that there is no room. Rooms of which the ids are secret are counted too."""
    await served.settled()
    async with served.client.get("/admin/v1/rooms", headers=bearer(scope="admin")) as answer:
        assert [room["room"] for room in (await answer.json())["rooms"] if not rooms or room["room"] in rooms] == []


# --- no token, or a wrong one ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", REFUSED_IN_HANDSHAKE)
async def test_a_handshake_without_a_token_is_refused_at_every_path(served: Served, dialect: str) -> None:
    for path in paths_of(dialect):
        assert (await refused_handshake(served, path))[0] == 401
    # The library PeerJS always sends something where its users may put their token.
    why = "malformed" if DIALECTS[dialect].token_parameters else "missing"
    assert {record["data"]["why"] for record in served.records("auth.failed")} == {why}
    assert served.records("connection.opened") == []


@pytest.mark.parametrize("dialect", set(DIALECTS) - set(REFUSED_IN_HANDSHAKE))
async def test_without_a_token_no_frame_of_any_kind_is_carried_out(served: Served, dialect: str) -> None:
    frames = said(dialect, Cast((("ann", ROOM),), ("bob",)))
    assert DIALECTS[dialect].kinds <= frames.keys()
    member = (await meet(served, MANNERS[dialect], ROOM, "bob", headers=bearer(sub="bob")))[0]
    anonymous = await served.connect(paths_of(dialect)[0])
    for kind in frames.keys() - {"ping"}:
        for _, frame in frames[kind][:4]:
            answer = await anonymous.ask(frame if isinstance(frame, bytes) else encoded(frame).decode())
            assert answer["code"] == "unauthorised", frame
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
    """A new path is closed, unless somebody adds it to this list."""
    is_open = {
        "/health",
        "/ready",
        "/inspector",
        "/inspector/",
        "/inspector/{name}",
        "/inspector/api/session",
        *OPEN_ROUTES,
    }
    explains = {"/socket.io/", "/ws/signaling/socket.io/"}  # that this is no Socket.IO server
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


# --- rooms, peer ids and scopes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims",
    [{"room": OTHER_ROOM}, {"room": []}, {"peer": "bob"}, {"scope": "create"}, {"scope": "admin"}, {"scope": ""}],
    ids=str,
)
@every_dialect
async def test_a_token_for_something_else_does_not_let_its_owner_into_a_room(
    served: Served, dialect: str, claims: dict[str, Any]
) -> None:
    manners = MANNERS[dialect]
    if "peer" in claims and dialect not in CHOOSE_IDS:
        return  # the sidecar gives the peer the id of the token
    members = await meet(served, manners, ROOM, "bob", headers=bearer(sub="bob")) if not manners.waits_for_all else []
    await enter(served, manners, ROOM, "ann", headers=bearer(**claims))
    await served.settled()
    assert set(served.refusals()) == {"unauthorised"}
    assert [record["peer"] for record in served.records("peer.joined") if record["data"]["subject"] == "ann"] == []
    for member in members:
        await member.hears_nothing()


@pytest.mark.parametrize("dialect", ["rooms", *(set(MANNERS) - set(CHOOSE_IDS) - {"pairing"})])
async def test_a_client_that_chooses_no_id_has_that_of_its_token(served: Served, dialect: str) -> None:
    """Codes of the dialect `pairing` are its only names, so a token binds its owner to a code instead."""
    headers = bearer(peer="the-id-of-ann", room=ROOM)
    peer = await served.connect(MANNERS[dialect].path(ROOM, ""), headers=headers)
    if (frame := MANNERS[dialect].enter(ROOM, "", 0, 1)) is not None:
        await peer.send({name: value for name, value in frame.items() if value != ""})
    await served.settled()
    assert [record["peer"] for record in served.records("peer.joined")] == ["the-id-of-ann"]


@pytest.mark.parametrize("dialect", ["rooms", "pairing", "hosted", "mesh", "y-webrtc", "matchbox", "peerjs", "match"])
async def test_a_token_without_create_opens_no_new_room(served: Served, dialect: str) -> None:
    manners = MANNERS[dialect]
    await enter(served, manners, ROOM, "ann", headers=bearer(scope="join"))
    await served.settled()
    assert served.refusals() == ["unauthorised"]
    await nobody_is_in(served)
    if not manners.waits_for_all:
        await meet(served, manners, ROOM, "bob", headers=bearer(sub="bob"))
        await enter(served, manners, ROOM, "cleo", 1, 2, headers=bearer(sub="cleo", scope="join"))
        await served.settled()
        assert [record["data"]["subject"] for record in served.records("peer.joined")] == ["bob", "cleo"]


@pytest.mark.parametrize("dialect", CHOOSE_IDS)
async def test_nobody_takes_over_the_id_of_another_user(served: Served, dialect: str) -> None:
    manners = MANNERS[dialect]
    names = ("ann", "bob") if manners.waits_for_all else ("ann",)
    ann = (await meet(served, manners, ROOM, *names, headers=bearer()))[0]
    reading = asyncio.create_task(ann.socket.receive())  # which answers the pings of a challenge
    await enter(served, manners, ROOM, "ann", 1, 2, headers=bearer(sub="eve"))
    while "id-taken" not in served.refusals():
        await served.settled()
    assert not reading.done()
    assert not [record for record in served.records("peer.joined") if record["data"]["subject"] == "eve"]
    reading.cancel()


async def test_a_publisher_needs_a_token_for_each_topic_also_where_it_does_not_subscribe(served: Served) -> None:
    manners = MANNERS["y-webrtc"]
    bob = (await meet(served, manners, OTHER_ROOM, "bob", headers=bearer(sub="bob")))[0]
    ann = await served.connect("/ws/signaling/y-webrtc", headers=bearer(room=ROOM))
    await ann.send({"type": "publish", "topic": OTHER_ROOM, "data": "secret"})
    await ann.send({"type": "subscribe", "topics": [ROOM, OTHER_ROOM]})
    await ann.send({"type": "publish", "topic": OTHER_ROOM, "data": "secret"})
    await bob.hears_nothing()
    assert served.refusals() == ["unauthorised"] * 3
    assert [record["room"] for record in served.records("peer.joined")] == [OTHER_ROOM, ROOM]


async def test_a_call_to_another_pairing_code_needs_a_token_for_that_code(served: Served) -> None:
    bob = (await meet(served, MANNERS["pairing"], "CODE22", "bob", headers=bearer(sub="bob")))[0]
    ann = (await meet(served, MANNERS["pairing"], "CODE11", "ann", headers=bearer(room="CODE11")))[0]
    answer = await ann.ask({"type": "offer", "target": "CODE22", "payload": {}})
    assert answer == {"type": "error", "message": "the token is not for this room"}
    await bob.hears_nothing()


async def test_the_keyed_hash_of_a_pairing_code_is_no_code(served: Served) -> None:
    """The hash is in the event log. It must not be worth as much as the code."""
    await meet(served, MANNERS["pairing"], "CODE22", "bob", headers=bearer(sub="bob"))
    (joined,) = served.records("peer.joined")
    eve = await enter(served, MANNERS["pairing"], "CODE22", "eve", 1, 2, headers=bearer(sub="eve", room=joined["room"]))
    assert (await eve.receive())["message"] == "the token is not for this room"


# --- what a session is worth without its token -----------------------------------------------------------------------


@every_dialect
async def test_a_connection_ends_with_its_token_and_its_session_is_lost(
    served: Served, dialect: str, expire: Callable[[], None]
) -> None:
    manners = MANNERS[dialect]
    names = ("ann", "bob") if manners.waits_for_all else ("ann",)
    ann = (await meet(served, manners, ROOM, *names, headers=bearer()))[0]
    expire()
    assert await ann.closed() == (4401, "token expired")
    await served.settled()
    (expired, *_) = served.records("auth.expired")
    assert expired["data"] == {"subject": "ann"}
    (closed, *_) = served.records("connection.closed")
    assert (closed["data"]["code"], closed["data"]["ending"]) == (4401, "lost")
    ends = {record["type"] for record in served.records() if record["type"] in ("peer.left", "peer.away")}
    assert ends == {"peer.away" if manners.grace_s[Ending.LOST] else "peer.left"}


async def test_a_client_with_a_fresh_token_resumes_with_nothing_lost(
    served: Served, expire: Callable[[], None]
) -> None:
    ann, bob = await served.connect(), await served.connect()
    await bob.join("bob", token=token("bob", lasts_s=3600), resume=True)
    ticket = (await ann.join("ann", token=token(), resume=True))["resume"]["token"]
    await ann.send({"type": "offer", "to": "bob", "body": "before", "c": 1})
    assert [(await bob.receive())["type"] for _ in range(2)] == ["peer_joined", "offer"]
    expire()
    assert await ann.closed() == (4401, "token expired")
    await bob.send({"type": "answer", "to": "ann", "body": "meanwhile", "c": 1})
    again = await served.connect()
    resume = {"token": ticket, "after": 0}
    stale = await again.join("ann", token=token(lasts_s=-11), resume=resume)
    assert (stale["code"], stale["message"]) == ("unauthorised", "the token has expired")
    resumed = await again.join("ann", token=token(lasts_s=3600), resume=resume)
    assert (resumed["type"], resumed["peerId"], resumed["ca"]) == ("resumed", "ann", 1)
    missed = await again.receive()
    assert (missed["body"], missed["from"]) == ("meanwhile", "bob")
    assert served.records("peer.left") == []


async def test_a_resume_token_is_worth_nothing_to_another_user_or_peer(served: Served) -> None:
    ann = await served.connect()
    ticket = (await ann.join("ann", token=token(), resume=True))["resume"]["token"]
    ann.socket._response.connection.transport.abort()  # type: ignore[union-attr]
    await served.settled()
    eve = await served.connect()
    answer = await eve.join("ann", token=token("eve"), resume={"token": ticket, "after": 0})
    assert answer == {"type": "not_resumed", "why": "token"}
    assert (await eve.receive())["peerId"] != "ann"
    eve = await served.connect()
    answer = await eve.join("ann", token=token("eve", peer="eve"), resume={"token": ticket, "after": 0})
    assert answer["message"] == "the token is not for this peer id"
    eve = await served.connect()
    answer = await eve.join("ann", token=token(room=OTHER_ROOM), resume={"token": ticket, "after": 0})
    assert answer["message"] == "the token is not for this room"


async def test_a_wrong_resume_token_gives_the_owner_of_an_id_no_other_id(served: Served) -> None:
    ann = await served.connect()
    answer = await ann.join("ann", token=token(peer="ann"), resume={"token": "made up", "after": 0})
    assert answer == {"type": "not_resumed", "why": "token"}
    assert (await ann.receive())["peerId"] == "ann"


async def test_after_a_leave_a_session_cannot_be_resumed(served: Served) -> None:
    ann = await served.connect()
    ticket = (await ann.join("ann", token=token(), resume=True))["resume"]["token"]
    await ann.send({"type": "leave", "c": 1})
    await ann.hears_nothing()
    again = await served.connect()
    answer = await again.join("ann", token=token(), resume={"token": ticket, "after": 0})
    assert answer == {"type": "not_resumed", "why": "token"}
    assert (await again.receive())["peers"] == []


async def test_a_session_that_outlives_a_restart_is_only_continued_with_a_valid_token_of_its_user(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    before = await guarded(aiohttp_client, tmp_path)
    ann = await before.connect()
    ticket = (await ann.join("ann", token=token(), resume=True))["resume"]["token"]
    await before.stop()
    after = await guarded(aiohttp_client, tmp_path)
    for wrong, told in ((token(lasts_s=-60), "error"), (token("eve"), "not_resumed"), (None, "error")):
        thief = await after.connect()
        more = {} if wrong is None else {"token": wrong}
        assert (await thief.join("ann", resume={"token": ticket, "after": 0}, **more))["type"] == told
    again = await after.connect()
    resumed = await again.join("ann", token=token(), resume={"token": ticket, "after": 0})
    assert (resumed["type"], resumed["peerId"]) == ("resumed", "ann")


async def test_a_member_renews_its_token_on_a_living_connection(served: Served, expire: Callable[[], None]) -> None:
    ann, bob = await served.connect(headers=bearer()), await served.connect()
    await ann.join("ann", ROOM, token=token())
    await bob.join("bob", OTHER_ROOM, token=token("bob"))
    assert (await ann.join("ann", ROOM, token=token(lasts_s=3600)))["type"] == "peer_list"
    expire()
    assert await bob.closed() == (4401, "token expired")
    assert await ann.ask({"type": "ping"}) == {"type": "pong"}


async def test_a_fresh_token_for_another_room_does_not_prolong_the_stay_in_this_one(
    served: Served, expire: Callable[[], None]
) -> None:
    full = await served.connect()
    await full.join("bob", OTHER_ROOM, capacity=1, token=token("bob", lasts_s=3600))
    ann = await served.connect()
    await ann.join("ann", ROOM, token=token(room=ROOM))
    fresh = token(room=OTHER_ROOM, lasts_s=3600)
    assert (await ann.join("ann", ROOM, token=fresh))["message"] == "the token is not for this room"
    assert (await ann.join("ann", OTHER_ROOM, token=fresh))["code"] == "room-full"
    expire()
    assert await ann.closed() == (4401, "token expired")


# --- where a token is given ------------------------------------------------------------------------------------------


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
    accepted = await served.connect(path, headers=bearer(room=ROOM))
    await accepted.send(frame)
    await hears(accepted, manners.entered(ROOM, "ann", []))
    other = await served.connect(path, headers=bearer())
    await other.send({"type": "join", "roomId": ROOM, "peerId": 7, "token": token()})
    await other.receives_the_end()


# --- lists and the admin API -----------------------------------------------------------------------------------------


async def test_a_list_of_rooms_has_only_the_rooms_that_the_token_is_for(served: Served) -> None:
    for room in (ROOM, OTHER_ROOM):
        await (await served.connect()).join("bob", room, token=token("bob"))
    ann, all_ = await served.connect(headers=bearer(room=ROOM)), await served.connect(headers=bearer())
    for kind in ("list_rooms", "watch_rooms"):
        assert [room["roomId"] for room in (await ann.ask({"type": kind}))["rooms"]] == [ROOM]
        assert [room["roomId"] for room in (await all_.ask({"type": kind}))["rooms"]] == [ROOM, OTHER_ROOM]
    await (await served.connect()).join("cleo", ROOM, token=token("cleo"))
    await (await served.connect()).join("cleo", "third-room", token=token("cleo"))
    while len((listed := await all_.receive())["rooms"]) < 3:
        pass
    assert [room["peers"] for room in listed["rooms"]] == [2, 1, 1]
    listed = await ann.receive()
    assert [(room["roomId"], room["peers"]) for room in listed["rooms"]] == [(ROOM, 2)]
    async with served.client.get("/ws/signaling/rooms", headers=bearer(room=OTHER_ROOM)) as answer:
        assert [room["roomId"] for room in (await answer.json())["rooms"]] == [OTHER_ROOM]
    async with served.client.get("/ws/signaling/people", headers=bearer(room=OTHER_ROOM)) as answer:
        assert [room["roomId"] for room in (await answer.json())["rooms"]] == [OTHER_ROOM]


@pytest.mark.parametrize("path", ["/admin/v1/rooms", "/inspector/api/rooms", "/admin/v1/why?follow=0"])
async def test_the_admin_api_needs_the_scope_admin_in_all_rooms(served: Served, path: str) -> None:
    for headers, status in (
        ({}, 401),
        (bearer("open sesame"), 401),
        (bearer(lasts_s=-60, scope="admin"), 401),
        (bearer(), 403),
        (bearer(scope="join create"), 403),
        (bearer(scope="admin", room=ROOM), 403),
        (bearer(scope="admin join"), 200),
        (bearer(served.sidecar.admin_token), 200),
    ):
        async with served.client.get(path, headers=headers) as answer:
            assert answer.status == status, headers
            if status == 403:
                assert "scope `admin`" in await answer.text()


async def test_a_one_time_link_is_only_made_for_programs_on_this_machine(served: Served) -> None:
    for headers, status in ((bearer(scope="admin"), 401), (bearer(served.sidecar.admin_token), 200)):
        async with served.client.post("/admin/v1/inspector-link", json={}, headers=headers) as answer:
            assert answer.status == status


async def test_only_admins_change_anything(served: Served) -> None:
    ann = await served.connect()
    await ann.join("ann", ROOM, token=token())
    path = f"/admin/v1/rooms/rooms/{ROOM}/kick"
    for headers, status in ((bearer(), 403), (bearer(scope="admin"), 200)):
        async with served.client.post(path, json={"peer": "ann"}, headers=headers) as answer:
            assert answer.status == status
    assert (await ann.closed())[0] == 4003


# --- strangers who stay ----------------------------------------------------------------------------------------------


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


# --- secrecy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", ["jwt", "token"])
async def test_no_token_is_found_in_any_file_output_or_answer(
    aiohttp_client: AiohttpClient,
    tmp_path: Path,
    auth: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings = JWT if auth == "jwt" else {"auth": "token", "auth_token": SHARED_SECRET}
    served = await serve(aiohttp_client, tmp_path / "state", **settings, **SETTINGS)
    shown: list[str] = []

    def shows(subject: str = "ann") -> str:
        shown.append(token(subject) if auth == "jwt" else SHARED_SECRET)
        return shown[-1]

    wrong = [
        value for value in ("a-wrong-token-of-an-attacker-" + "x" * 20, token(aud="other"), "bad token/=") if value
    ]
    answers: list[str] = []
    for value in wrong:
        for headers in (bearer(value), {"Sec-WebSocket-Protocol": f"bearer.{value}, signaling"}):
            _, text = await refused_handshake(served, "/ws/signaling/mesh", headers=headers)
            answers.append(text)
        answers.append((await refused_handshake(served, f"/ws/signaling/mesh?token={value}"))[1])
        answers.append((await refused_handshake(served, f"/ws/signaling/peerjs?id=a&token={value}&key=k"))[1])
        ann = await served.connect()
        answers.append(json.dumps(await ann.join("ann", token=value)))
        answers.append(json.dumps(await ann.join("ann", token=[value])))
        answers.append(json.dumps(await ann.ask('{"type":"join","roomId":"bar","token":"' + value + '",')))
        await ann.socket.close()
    ann = await served.connect()
    answers.append(json.dumps(await ann.join("ann", token=shows(), resume=True)))
    for number, parameter in enumerate(("token", "key")):
        values = {"token": "random", "key": "peerjs", parameter: shows()}
        path = f"/ws/signaling/peerjs?id=ann-{number}&key={values['key']}&token={values['token']}"
        answers.append(json.dumps(await (await served.connect(path)).receive()))
    for dialect, manners in MANNERS.items():
        peer = await enter(served, manners, "secret-room", "ann", headers=bearer(shows()))
        if manners.entered("", "", []) is not None:
            answers.append(json.dumps(await peer.receive()))
        offered = [f"bearer.{shows()}", "signaling"]
        answers.append(str((await served.connect(manners.path("room-2", dialect), protocols=offered)).socket.protocol))
    async with served.client.get(f"/ws/signaling/{shows()}/peers") as answer:
        answers.append(await answer.text())
    admin = bearer(served.sidecar.admin_token)
    for path in ("/admin/v1/rooms", "/admin/v1/records", "/admin/v1/why?follow=0", "/health", "/ws/signaling/status"):
        async with served.client.get(path, headers=admin) as answer:
            answers.append(await answer.text())
    await served.stop()
    files = [file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file()]
    out, err = capfd.readouterr()
    text = b"".join((*files, *(each.encode() for each in (*answers, caplog.text, out, err))))
    assert b"peer.joined" in text
    for value in {*shown, *wrong}:
        for part in {value, *value.split(".")}:
            assert len(part) < 20 or part.encode() not in text, part
