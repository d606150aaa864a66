"""Connections end when their tokens expire, and no other user can resume their sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.hub import Ending
from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import meet
from tests.kit.guarded import (
    bearer,
    guarded,
    token,
)
from tests.kit.serving import Served
from tests.server.auth.cast import OTHER_ROOM, ROOM, every_dialect


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


@pytest.mark.parametrize("query", ["", "?next=2"], ids=["room", "group"])
async def test_the_second_tab_of_matchbox_with_one_peer_id_gets_the_offers_of_the_others(
    served: Served, query: str
) -> None:
    path = f"/ws/signaling/matchbox/{ROOM}{query}"
    bob = await served.connect(path, headers=bearer(sub="bob", peer="bob"))
    assert await bob.receive() == {"IdAssigned": "bob"}
    tab = await served.connect(path, headers=bearer(peer="ann"))
    newer = await served.connect(path, headers=bearer(peer="ann"))
    for each in (tab, newer):
        assert await each.receive() == {"IdAssigned": "ann"}
        assert await bob.receive() == {"NewPeer": "ann"}
    assert await tab.closed() == (4001, "replaced")
    await bob.send({"Signal": {"receiver": "ann", "data": {"Offer": "v=0"}}})
    assert await newer.receive() == {"Signal": {"sender": "bob", "data": {"Offer": "v=0"}}}


async def test_two_tabs_of_y_webrtc_with_one_peer_id_do_not_replace_each_other_for_ever(served: Served) -> None:
    path, subscribe = "/ws/signaling/y-webrtc", {"type": "subscribe", "topics": ["notes"]}
    tab = await served.connect(path, headers=bearer(peer="ann"))
    await tab.send(subscribe)
    for _ in range(10):
        await served.settled()
        older, tab = tab, await served.connect(path, headers=bearer(peer="ann"))
        await tab.send(subscribe)
        assert (await older.closed())[0] == 4001
    refused = await served.connect(path, headers=bearer(peer="ann"))
    await refused.send(subscribe)
    await served.settled()
    assert served.refusals() == ["id-taken"]
    await tab.send({"type": "publish", "topic": "notes", "data": 1})
    assert (await tab.receive())["data"] == 1
