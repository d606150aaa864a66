"""`match`: each user has one session, even with several connections, and groups of different sizes are filled
independently."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.sockets import connection
from tests.kit.match_client import PATHS, asks, group, user, waiting
from tests.kit.serving import Peer, Served, serve


async def found_by(*peers: Peer) -> tuple[str, ...]:
    """Return the ids of the users' group, and check that all of them have received the same frame about it."""
    first, *others = [await peer.receive() for peer in peers]
    assert set(first) == {"type", "roomId", "peers"}
    assert uuid.UUID(first["roomId"]).version == 4
    assert all(other == first for other in others)
    return tuple(first["peers"])


async def test_groups_of_one_two_and_four_are_filled_independently(served: Served) -> None:
    people = {name: await user(served, name) for name in ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k")}
    sizes = {"a": 4, "b": 2, "c": 4, "d": 1, "e": 2, "f": 4, "g": 2, "h": 4, "i": 2, "j": 4, "k": 1}
    for name, size in sizes.items():
        await people[name].send(asks(size))
        await served.settled()
    for names in ("d", "be", "acfh", "gi", "k"):
        assert await found_by(*(people[name] for name in names)) == tuple(names)
    assert len({record["room"] for record in served.records("match.found")}) == 5
    for peer in people.values():
        await peer.hears_nothing()


async def test_sixteen_is_the_largest_group(served: Served) -> None:
    names = [f"u{number}" for number in range(16)]
    peers = [await user(served, name) for name in names]
    for peer in peers:
        await peer.send(asks(16))
        await served.settled()
    assert await found_by(*peers) == tuple(names)


async def test_both_paths_use_the_same_queue(served: Served) -> None:
    a, b = await user(served, "u1", PATHS[0]), await user(served, "u2", PATHS[1])
    await a.send(asks(2))
    await served.settled()
    await b.send(asks(2))
    assert await found_by(a, b) == ("u1", "u2")


async def test_closed_connections_are_removed_from_the_queue(served: Served) -> None:
    for number in range(3):
        dead = await waiting(served, f"dead{number}", 4)
        dead.socket._response.connection.transport.abort()  # type: ignore[union-attr]
    alive = [await waiting(served, name, 4) for name in ("a", "b", "c")]
    last = await user(served, "d")
    await last.send(asks(4))
    assert await found_by(*alive, last) == ("a", "b", "c", "d")


async def test_a_new_connection_of_a_user_continues_its_session(served: Served) -> None:
    a, older = await group(served, "u1", "u2")
    newer = await user(served, "u2")
    assert await older.closed() == (4001, "replaced")
    await newer.send({"type": "offer", "to": "u1"})
    assert await a.receive() == {"type": "offer", "from": "u2"}
    await a.send({"type": "answer", "to": "u2"})
    assert await newer.receive() == {"type": "answer", "from": "u1"}
    again = await newer.ask(asks(2))
    assert again == {"type": "room-found", "roomId": again["roomId"], "peers": ["u1", "u2"]}
    await older.socket.close()
    await a.hears_nothing()
    assert served.refusals() == []
    assert [record["room"] for record in served.records("match.found")] == [again["roomId"]]


async def test_a_user_that_is_away_returns_by_connecting_and_can_be_away_again(
    served: Served,
) -> None:
    a, b = await group(served, "u1", "u2")
    for _ in range(3):
        await b.socket.close()
        await served.settled()
        await a.send({"type": "offer", "to": "u2"})
        await served.settled()
        b = await user(served, "u2")
        await a.send({"type": "offer", "to": "u2"})
        assert await b.receive() == {"type": "offer", "from": "u1"}
    assert served.refusals() == ["peer-away"] * 3


async def test_a_user_that_has_returned_by_connecting_may_be_silent(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, _ = await group(served, "u1", "u2")
    monkeypatch.setattr(connection, "FIRST_FRAME_WITHIN_S", 0.05)
    b, newcomer = await user(served, "u2"), await user(served, "u3")
    assert await newcomer.closed() == (1008, "idle")
    await a.send({"type": "offer", "to": "u2"})
    assert await b.receive() == {"type": "offer", "from": "u1"}


async def test_a_new_connection_continues_its_session_after_a_restart_too(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    await group(served, "u1", "u2")
    await served.stop()
    served = await serve(aiohttp_client, tmp_path)
    a, b = await user(served, "u1"), await user(served, "u2")
    await a.send({"type": "offer", "to": "u2"})
    assert await b.receive() == {"type": "offer", "from": "u1"}
    assert (await b.ask(asks(2)))["peers"] == ["u1", "u2"]


async def test_a_hook_decides_whether_a_session_may_be_continued(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    hooks = tmp_path / "signaling_hooks.py"
    hooks.write_text("def on_join(join):\n    return join.room is None or 'u2' not in join.present\n")
    served = await serve(aiohttp_client, tmp_path / "state", hooks=hooks)
    a, older = await group(served, "u1", "u2")
    newer = await user(served, "u2")
    await newer.send({"type": "offer", "to": "u1"})
    await a.send({"type": "offer", "to": "u2"})
    assert await older.receive() == {"type": "offer", "from": "u1"}
    await a.hears_nothing()
    assert served.refusals() == ["refused-by-hook", "not-joined"]


async def test_frames_of_a_replaced_connection_are_ignored(served: Served) -> None:
    a, older = await group(served, "u1", "u2")
    newer = await user(served, "u2")
    room = (await newer.ask(asks(2)))["roomId"]
    for frame in ({"type": "offer", "to": "u1"}, asks(1), asks(2)):
        await older.send(frame)
    for peer in (a, newer):
        await peer.hears_nothing()
    assert await older.closed() == (4001, "replaced")
    assert [record["room"] for record in served.records("match.found")] == [room]


async def test_a_user_that_sends_two_requests_counts_once_in_a_group(served: Served) -> None:
    await waiting(served, "u1", 4)
    await waiting(served, "u1", 4)
    u2, u1 = await waiting(served, "u2", 4), await waiting(served, "u1", 4)
    u3 = await waiting(served, "u3", 4)
    u4 = await user(served, "u4")
    await u4.send(asks(4))
    assert set(await found_by(u1, u2, u3, u4)) == {"u1", "u2", "u3", "u4"}


async def test_a_request_from_a_newer_connection_replaces_the_earlier_request(served: Served) -> None:
    older, newer = await waiting(served, "u1", 2), await waiting(served, "u1", 4)
    assert await older.closed() == (4001, "replaced")
    await waiting(served, "u2", 2)
    await newer.hears_nothing()


async def test_a_group_stays_together_while_one_user_is_connected(served: Served) -> None:
    names = ("u1", "u2", "u3")
    peers = dict(zip(names, await group(served, *names), strict=True))
    (found,) = served.records("match.found")
    for name in names * 3:
        peers[name].socket._writer.transport.abort()
        peers[name] = await user(served, name)
        again = await peers[name].ask(asks(3, **{"from": name}))
        assert again == {"type": "room-found", "roomId": found["room"], "peers": list(names)}
    for peer in peers.values():
        await peer.hears_nothing()
    await peers["u1"].send({"type": "offer", "to": "u3", "sdp": 1})
    assert await peers["u3"].receive() == {"type": "offer", "from": "u1", "sdp": 1}


async def test_a_second_request_after_a_return_is_a_new_request(served: Served) -> None:
    a, b = await group(served, "u1", "u2")
    await b.socket.close()
    again = await user(served, "u2")
    first = await again.ask(asks(2))
    await again.send(asks(2))
    for peer in (a, again):
        await peer.hears_nothing()
    await a.send(asks(2))
    second = await a.receive()
    assert second["peers"] == ["u2", "u1"]
    assert second["roomId"] != first["roomId"]
    assert await again.receive() == second


async def test_a_repeated_request_for_a_group_of_one_creates_another_room(served: Served) -> None:
    a = await user(served, "u1")
    rooms = {(await a.ask(asks(1)))["roomId"] for _ in range(3)}
    newer = await user(served, "u1")
    rooms.add((await newer.ask(asks(1)))["roomId"])
    assert len(rooms) == 4
    assert await a.closed() == (4001, "replaced")


async def test_users_that_were_both_away_can_be_matched_with_others(served: Served) -> None:
    """Their room still exists, but nobody in it is connected, so the first user who returns waits in the queue."""
    a, b = await group(served, "u1", "u2")
    await a.socket.close()
    await b.socket.close()
    first = await waiting(served, "u2", 2)
    second = await user(served, "u1")
    await second.send(asks(2))
    assert await found_by(first, second) == ("u2", "u1")


async def test_the_log_records_the_queue_and_then_its_room(served: Served) -> None:
    await group(served, "u1", "u2")
    await waiting(served, "late", 3)
    (await waiting(served, "lost", 4)).socket._writer.transport.abort()
    await served.settled()
    told = [(record["type"], record.get("peer")) for record in served.records() if record.get("dialect") == "match"]
    assert [each for each in told if not each[0].startswith("connection.")] == [
        ("match.queued", "u1"),
        ("match.queued", "u2"),
        ("room.created", None),
        ("match.found", None),
        ("peer.joined", "u1"),
        ("peer.joined", "u2"),
        ("match.queued", "late"),
        ("match.queued", "lost"),
        ("match.cancelled", "lost"),
    ]
    (found,) = served.records("match.found")
    assert found["data"] == {"size": 2, "peers": ["u1", "u2"]}


async def test_rooms_of_the_matchmaker_are_never_listed(served: Served) -> None:
    lobby = await served.connect()
    assert await lobby.ask({"type": "watch_rooms"}) == {"type": "rooms", "rooms": []}
    await group(served, "u1", "u2")
    await lobby.hears_nothing()
    assert await (await served.client.get("/ws/signaling/rooms")).json() == {"rooms": []}


@pytest.mark.one_sidecar("a sidecar cannot know that a socket of another one is closed before it is told")
async def test_a_connection_that_closes_just_before_the_last_request_is_not_matched(served: Served) -> None:
    last = await user(served, "last")
    dead = await waiting(served, "dead", 2)
    with socket.socket(fileno=os.dup(dead.socket.get_extra_info("socket").fileno())) as raw:
        raw.shutdown(socket.SHUT_WR)  # unlike close() and abort(), does not wait for the event loop
    await last.send(asks(2))
    await last.hears_nothing()
