"""`mesh` on real sockets: several connections with the same peer id, in one room and in several rooms."""

from __future__ import annotations

import pytest

from tests.kit.mesh_client import CANONICAL, ORIGINAL, joined
from tests.kit.serving import Served


async def test_a_page_in_strict_mode_does_not_see_itself(served: Served) -> None:
    first, second = await served.connect(CANONICAL), await served.connect(CANONICAL)
    await first.send({"type": "join", "peerId": "B"})
    await second.send({"type": "join", "peerId": "B"})
    assert await first.receive() == await second.receive() == {"type": "peer-list", "peers": []}
    assert await first.closed() == (4001, "replaced")
    a = await joined(served, "A", second)
    await first.socket.close()
    for peer in (a, second):
        await peer.hears_nothing()


@pytest.mark.parametrize("path", [CANONICAL, ORIGINAL])
async def test_two_pages_in_strict_mode_see_each_other_once(served: Served, path: str) -> None:
    """Each page opens two connections, both join, and then the first is closed, as in React's StrictMode."""
    a1, a2 = await joined(served, "A", path=path), await joined(served, "A", path=path)
    await a1.socket.close()
    b1, b2 = await served.connect(path), await served.connect(path)
    for socket in (b1, b2):
        assert await socket.ask({"type": "join", "peerId": "B"}) == {"type": "peer-list", "peers": ["A"]}
    await b1.socket.close()
    assert await a2.receive() == {"type": "peer-joined", "peerId": "B"}
    for peer in (a2, b2):
        await peer.hears_nothing()
    assert await a2.ask({"type": "offer", "to": "A"}) == {"type": "offer", "to": "A"}
    assert [record["peer"] for record in served.records("peer.joined")] == ["A", "B"]
    assert served.records("peer.left") == []


async def test_a_first_socket_that_is_closed_before_the_second_joins_has_left(served: Served) -> None:
    a = await joined(served, "A")
    first, second = await joined(served, "B", a), await served.connect(CANONICAL)
    await first.socket.close()
    assert await a.receive() == {"type": "peer-left", "peerId": "B"}
    assert await second.ask({"type": "join", "peerId": "B"}) == {"type": "peer-list", "peers": ["A"]}
    assert await a.receive() == {"type": "peer-joined", "peerId": "B"}


async def test_frames_of_a_replaced_connection_are_ignored(served: Served) -> None:
    a = await joined(served, "A")
    older = await joined(served, "B", a)
    newer = await joined(served, "B")
    for frame in ({"type": "offer", "to": "A", "from": "B"}, {"type": "hello"}, {"type": "join", "peerId": "B"}):
        await older.send(frame)
    for peer in (a, newer):
        await peer.hears_nothing()
    assert served.records("signal.relayed") == []
    assert await older.closed() == (4001, "replaced")


async def test_only_the_newest_connection_with_an_id_receives_its_frames(served: Served) -> None:
    a = await joined(served, "A")
    await joined(served, "B", a)
    newer = await joined(served, "B")
    await a.send({"type": "offer", "to": "B", "n": 1})
    assert await newer.receive() == {"type": "offer", "to": "B", "n": 1}
    await a.send({"type": "hello"})
    assert await newer.receive() == {"type": "hello"}
    await newer.hears_nothing()


async def test_a_peer_that_joins_again_is_last_in_the_list(served: Served) -> None:
    a = await joined(served, "A")
    b = await joined(served, "B", a)
    await a.socket.close()
    assert await b.receive() == {"type": "peer-left", "peerId": "A"}
    await joined(served, "A", b)
    c = await served.connect(CANONICAL)
    assert await c.ask({"type": "join", "peerId": "C"}) == {"type": "peer-list", "peers": ["B", "A"]}


async def test_a_replaced_peer_keeps_its_position_in_the_list(served: Served) -> None:
    a = await joined(served, "A")
    await joined(served, "B", a)
    await joined(served, "A")
    c = await served.connect(CANONICAL)
    assert await c.ask({"type": "join", "peerId": "C"}) == {"type": "peer-list", "peers": ["A", "B"]}


async def test_one_id_in_two_rooms_is_two_peers(served: Served) -> None:
    here, there = await joined(served, "A"), await joined(served, "A", path=f"{CANONICAL}?room=other")
    b = await joined(served, "B", there, path=f"{ORIGINAL}?room=other")
    await b.send({"type": "offer", "to": "A"})
    assert await there.receive() == {"type": "offer", "to": "A"}
    await there.socket.close()
    assert await b.receive() == {"type": "peer-left", "peerId": "A"}
    await here.hears_nothing()


async def test_the_room_mesh_may_be_named(served: Served) -> None:
    a = await joined(served, "A")
    for number, path in enumerate((f"{CANONICAL}?room=mesh", f"{ORIGINAL}?room=mesh")):
        await joined(served, str(number), a, path=path)


@pytest.mark.parametrize("name", ["a b", "é 🙂", '"quoted"', "\\u0041", "mesh", "constructor", "x" * 128, " "])
async def test_any_text_is_a_valid_id_and_is_returned_unchanged(served: Served, name: str) -> None:
    a = await joined(served, "A")
    odd = await joined(served, name, a)
    await a.send({"type": "offer", "to": name, "from": "A"})
    assert await odd.receive() == {"type": "offer", "to": name, "from": "A"}
    await odd.socket.close()
    assert await a.receive() == {"type": "peer-left", "peerId": name}
