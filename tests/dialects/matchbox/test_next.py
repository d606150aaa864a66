"""With `?next=2`, each pair of peers that connect one after the other to a `matchbox` room is a separate group."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from signaling_sidecar.server.admin.openapi import PREFIX
from tests.kit.hooks_file import hooked
from tests.kit.matchbox_client import PATH, arrives, signals
from tests.kit.serving import Peer, Served, serve

DUEL = "/duel?next=2"


async def rooms(served: Served) -> dict[str, int]:
    """The number of peers in each room, according to the admin API."""
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get(f"{PREFIX}/rooms", headers=headers) as answer:
        return {room["room"]: len(room["peers"]) for room in (await answer.json())["rooms"]}


async def administer(served: Served, room: str, verb: str, body: dict[str, str]) -> int:
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    url = URL(f"{PREFIX}/rooms/matchbox/{quote(room, safe='')}/{verb}", encoded=True)
    async with served.client.post(url, json=body, headers=headers) as answer:
        return answer.status


async def test_peers_are_put_together_in_pairs_as_they_arrive(served: Served) -> None:
    a = await arrives(served, DUEL)
    b = await arrives(served, DUEL, a[1])
    c = await arrives(served, DUEL)
    d = await arrives(served, DUEL, c[1])
    for present, newcomer in ((a, b), (c, d)):
        await signals({"Offer": "v=0"}, present, newcomer)
        await signals({"Answer": "v=0"}, newcomer, present)
    assert await rooms(served) == {"duel?next=2": 2, "duel?next=2#2": 2}
    await c[1].send({"Signal": {"receiver": b[0], "data": {"Offer": "into another group"}}})
    for _, peer in (a, b, c, d):
        await peer.hears_nothing()
    assert served.refusals() == ["no-such-peer"]


async def test_three_peers_of_a_group_hear_of_each_other_as_they_arrive(served: Served) -> None:
    _, a = await arrives(served, "/race?next=3")
    _, b = await arrives(served, "/race?next=3", a)
    _, c = await arrives(served, "/race?next=3", a, b)
    await arrives(served, "/race?next=3")
    for peer in (a, b, c):
        await peer.hears_nothing()


async def test_a_peer_that_leaves_a_complete_group_is_not_replaced(served: Served) -> None:
    _, a = await arrives(served, DUEL)
    id_, b = await arrives(served, DUEL, a)
    await b.socket.close()
    assert await a.receive() == {"PeerLeft": id_}
    _, c = await arrives(served, DUEL)
    await arrives(served, DUEL, c)
    await a.hears_nothing()


async def test_a_peer_that_leaves_before_its_group_is_complete_frees_its_place(served: Served) -> None:
    id_, a = await arrives(served, "/race?next=3")
    _, b = await arrives(served, "/race?next=3", a)
    await a.socket.close()
    assert await b.receive() == {"PeerLeft": id_}
    _, c = await arrives(served, "/race?next=3", b)
    await arrives(served, "/race?next=3", b, c)
    await arrives(served, "/race?next=3")
    assert await rooms(served) == {"race?next=3": 3, "race?next=3#2": 1}


async def test_a_number_makes_another_room(served: Served) -> None:
    for url in ("/duel", DUEL, "/duel?next=3", "/other?next=2", "/duel%3Fnext=2"):
        await arrives(served, url)
    assert await rooms(served) == dict.fromkeys(
        ("duel", "duel?next=2", "duel?next=3", "other?next=2", "duel%3Fnext=2"), 1
    )


async def test_spellings_of_one_number_are_one_room(served: Served) -> None:
    _, a = await arrives(served, "/duel?next=%2B02")
    await arrives(served, "/duel?other=1&next=2&next=3", a)


async def test_with_one_each_peer_is_alone(served: Served) -> None:
    for _ in range(2):
        await arrives(served, "/alone?next=1")
    assert await rooms(served) == {"alone?next=1": 1, "alone?next=1#2": 1}


@pytest.mark.parametrize("size", ["4", "9" * 30, "9" * 5000])
async def test_a_group_larger_than_the_limit_of_peers_in_a_room_is_refused(
    aiohttp_client: AiohttpClient, tmp_path: Path, size: str
) -> None:
    served = await serve(aiohttp_client, tmp_path, max_peers_per_room=3)
    peer = await served.connect(f"{PATH}/duel?next={size}")
    assert await peer.closed() == (1008, "bad-field")
    (refused,) = served.records("signal.refused")
    assert refused["data"]["message"] == "'capacity' must be a whole number from 1 to 3"
    assert (refused["dialect"], refused["room"][:10]) == ("matchbox", "duel?next=")


async def test_a_full_room_without_groups_takes_in_nobody_else(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, max_peers_per_room=1)
    _, a = await arrives(served, "/bar")
    assert await (await served.connect(f"{PATH}/bar")).closed() == (1008, "room-full")
    await a.hears_nothing()


@pytest.mark.parametrize("is_killed", [False, True])
async def test_after_a_restart_nobody_is_put_together_with_a_peer_that_is_gone(
    aiohttp_client: AiohttpClient, tmp_path: Path, is_killed: bool
) -> None:
    served = await serve(aiohttp_client, tmp_path / "state")
    for _ in range(3):  # the first two are a group, and the third one waits
        await (await served.connect(PATH + DUEL)).receive()
    folder = tmp_path / "state"
    if is_killed:  # the log is complete, because it is written before anything is sent
        folder = Path(shutil.copytree(folder, tmp_path / "left"))
    await served.stop()
    served = await serve(aiohttp_client, folder)
    _, a = await arrives(served, DUEL)
    await arrives(served, DUEL, a)
    assert await rooms(served) == {"duel?next=2": 2}


async def test_the_admin_removes_a_peer_and_closes_one_group(served: Served) -> None:
    id_, a = await arrives(served, DUEL)
    assert await administer(served, "duel?next=2", "kick", {"peer": id_}) == 200
    assert await a.closed() == (4003, "removed")
    _, b = await arrives(served, DUEL)
    _, c = await arrives(served, DUEL, b)
    _, d = await arrives(served, DUEL)
    assert await administer(served, "duel?next=2#2", "say", {"text": "no such frame"}) == 409
    assert await administer(served, "duel?next=2#2", "close", {}) == 200
    assert await d.closed() == (4003, "room closed")
    for peer in (b, c):
        await peer.hears_nothing()
    assert await rooms(served) == {"duel?next=2": 2}


HOOKS = """
def on_join(join):
    print(join.room, len(join.present))
    return join.room != "secret?next=2" or "no"

def on_relay(relay):
    return relay.frame["Signal"]["data"] != {"Offer": "forbidden"} or "no"

def room_rules(room):
    return {"capacity": 2, "grace_s": 60} if room.room == "race?next=3#2" else None
"""


async def test_hooks_are_asked_about_the_group_that_a_peer_enters(
    aiohttp_client: AiohttpClient, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    served = await hooked(aiohttp_client, tmp_path / "signaling_hooks.py", HOOKS)
    here: list[tuple[str, Peer]] = []
    for others in (0, 1, 2, 0, 1, 0):  # `room_rules` makes the second group smaller
        here.append(await arrives(served, "/race?next=3", *(peer for _, peer in here[len(here) - others :])))
    said = [line for line in "".join(capfd.readouterr()).splitlines() if line.startswith("race")]
    names = ["race?next=3"] * 3 + ["race?next=3#2"] * 2 + ["race?next=3#3"]
    assert said == [f"{name} {number}" for name, number in zip(names, (0, 1, 2, 0, 1, 0), strict=True)]

    await here[0][1].send({"Signal": {"receiver": here[1][0], "data": {"Offer": "forbidden"}}})
    await here[1][1].hears_nothing()
    await signals({"Offer": "v=0"}, here[0], here[1])
    await here[4][1].socket.close(code=4000)
    # Peers of `matchbox` cannot return, so `grace_s` has no effect.
    assert await here[3][1].receive() == {"PeerLeft": here[4][0]}
    assert await (await served.connect(f"{PATH}/secret?next=2")).closed() == (1008, "refused-by-hook")
    assert served.refusals() == ["refused-by-hook"] * 2
