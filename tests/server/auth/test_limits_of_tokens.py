"""A token is not accepted for rooms, peer ids or actions other than those in its claims."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import enter, meet
from tests.kit.guarded import (
    bearer,
)
from tests.kit.serving import Served
from tests.server.auth.cast import CHOOSE_IDS, OTHER_ROOM, ROOM, every_dialect


async def nobody_is_in(served: Served, *rooms: str) -> None:
    """Assert that these rooms do not exist, or that no room exists. Rooms with secret ids count, too."""
    await served.settled()
    async with served.client.get("/admin/v1/rooms", headers=bearer(scope="admin")) as answer:
        assert [room["room"] for room in (await answer.json())["rooms"] if not rooms or room["room"] in rooms] == []


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
        return  # the token's id becomes the peer's id
    members = await meet(served, manners, ROOM, "bob", headers=bearer(sub="bob")) if not manners.waits_for_all else []
    await enter(served, manners, ROOM, "ann", headers=bearer(**claims))
    await served.settled()
    assert set(served.refusals()) == {"unauthorised"}
    assert [record["peer"] for record in served.records("peer.joined") if record["data"]["subject"] == "ann"] == []
    for member in members:
        await member.hears_nothing()


@pytest.mark.parametrize("dialect", ["rooms", *sorted(set(MANNERS) - set(CHOOSE_IDS) - {"pairing"})])
async def test_a_client_that_chooses_no_id_has_that_of_its_token(served: Served, dialect: str) -> None:
    """In `pairing`, peers have no ids, but a token lets its owner use only one code."""
    manners = MANNERS[dialect]
    only_id = manners.id_of("the-id-of-ann")
    peer = await served.connect(manners.path(ROOM, "ann"), headers=bearer(peer=only_id, room=ROOM))
    if (frame := manners.enter(ROOM, "", 0, 1)) is not None:
        named = {name: value for name, value in frame.items() if value != ""} if isinstance(frame, dict) else frame
        await peer.send(named)
    await served.settled()
    assert [record["peer"] for record in served.records("peer.joined")] == [only_id]


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
    reading = asyncio.create_task(ann.socket.receive())  # so that Ann answers the ping of a challenge
    await enter(served, manners, ROOM, "ann", 1, 2, headers=bearer(sub="eve"))
    while "id-taken" not in served.refusals():
        await served.settled()
    assert not reading.done()
    assert not [record for record in served.records("peer.joined") if record["data"]["subject"] == "eve"]
    reading.cancel()


async def test_a_publisher_needs_a_token_for_each_topic_also_where_it_does_not_subscribe(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """y-webrtc has no frame for an error, so the refusal is printed in the terminal."""
    manners = MANNERS["y-webrtc"]
    bob = (await meet(served, manners, OTHER_ROOM, "bob", headers=bearer(sub="bob")))[0]
    ann = await served.connect("/ws/signaling/y-webrtc", headers=bearer(room=ROOM))
    await ann.send({"type": "publish", "topic": OTHER_ROOM, "data": "secret"})
    await ann.send({"type": "subscribe", "topics": [ROOM, OTHER_ROOM]})
    await ann.send({"type": "publish", "topic": OTHER_ROOM, "data": "secret"})
    await bob.hears_nothing()
    assert served.refusals() == ["unauthorised"] * 3
    assert "a client of y-webrtc was refused" in caplog.text
    assert "the token is not for this room" in caplog.text
    assert [record["room"] for record in served.records("peer.joined")] == [OTHER_ROOM, ROOM]


async def test_a_call_to_another_pairing_code_needs_a_token_for_that_code(served: Served) -> None:
    bob = (await meet(served, MANNERS["pairing"], "CODE22", "bob", headers=bearer(sub="bob")))[0]
    ann = (await meet(served, MANNERS["pairing"], "CODE11", "ann", headers=bearer(room="CODE11")))[0]
    answer = await ann.ask({"type": "offer", "target": "CODE22", "payload": {}})
    assert answer == {"type": "error", "message": "the token is not for this room"}
    await bob.hears_nothing()


async def test_the_keyed_hash_of_a_pairing_code_is_no_code(served: Served) -> None:
    """A token for the hash, which is in the event log, must not let its owner use the code."""
    await meet(served, MANNERS["pairing"], "CODE22", "bob", headers=bearer(sub="bob"))
    (joined,) = served.records("peer.joined")
    eve = await enter(served, MANNERS["pairing"], "CODE22", "eve", 1, 2, headers=bearer(sub="eve", room=joined["room"]))
    assert (await eve.receive())["message"] == "the token is not for this room"
