"""`/metrics` in a cluster: the sums over all instances are right, and no counter decreases."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_aiohttp.plugin import AiohttpClient

from tests.kit.clustered import is_owner, serve_cluster
from tests.kit.metrics import metrics_of, named_metrics, scrape
from tests.kit.programs import until
from tests.kit.readme import OPERATORS
from tests.kit.redis_server import RedisServer

ROOMS = ("signaling_rooms", ("rooms",))
CONNECTED = ("signaling_peers", ("rooms", "connected"))
RELAYS = ("signaling_relays_total", ("rooms",))
REFUSALS = ("signaling_refusals_total", ("no-such-peer", "rooms"))
CONNECTIONS = ("signaling_connections", ("rooms",))
CLOSED = ("signaling_connections_closed_total", ("peer", "closed"))
OWNER = ("signaling_cluster_owner", ())


async def test_the_owner_counts_what_happens_in_rooms_and_each_instance_its_connections(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    await ben.join("ben")
    assert (await ann.receive())["type"] == "peer_joined"
    for sender, to, receiver in ((ann, "ben", ben), (ben, "ann", ann)):
        await sender.send({"type": "offer", "to": to, "sdp": "v=0"})
        await receiver.receive()
        await sender.ask({"type": "offer", "to": "nobody", "sdp": "v=0"})
    of_owner, of_front = await scrape(served.owner), await scrape(served.front)
    assert {key: of_owner[key] for key in (OWNER, ROOMS, CONNECTED, RELAYS, REFUSALS, CONNECTIONS)} == {
        OWNER: 1,
        ROOMS: 1,
        CONNECTED: 2,
        RELAYS: 2,
        REFUSALS: 2,
        CONNECTIONS: 1,
    }
    assert {key: of_front[key] for key in (OWNER, RELAYS, CONNECTIONS)} == {OWNER: 0, RELAYS: 0, CONNECTIONS: 1}
    assert not {ROOMS, CONNECTED, REFUSALS} & of_front.keys()
    for peer in (ann, ben):
        await peer.socket.close(code=1000)
    for each in served.instances:
        while CLOSED not in (samples := await scrape(each)):
            await served.settled()
        assert samples[CLOSED] == 1


async def test_the_page_for_operators_names_all_metrics_and_no_other(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url, 1)
    await served.settled()
    there = await metrics_of(served)
    assert named_metrics() <= there
    assert {name for name in there if name.startswith("signaling_")} - named_metrics() == {"signaling_build_info"}


async def test_a_sidecar_that_is_the_owner_no_longer_counts_on_from_where_it_was(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    first, second = served.owner, served.front
    ann = await second.connect()
    await ann.join("ann")
    await ann.ask({"type": "offer", "to": "nobody", "sdp": "v=0"})
    before = await scrape(first)
    assert before[REFUSALS] == 1
    await first.sidecar._hub.hand_over()
    await until(lambda: is_owner(second), "the second sidecar has the rooms")
    await ann.ask({"type": "offer", "to": "nobody", "sdp": "v=0"})
    old, new = await scrape(first), await scrape(second)
    assert old[REFUSALS] + new[REFUSALS] == 2
    assert (old[OWNER], new[OWNER], new[ROOMS], new[CONNECTED]) == (0, 1, 1, 1)
    assert ROOMS not in old
    gone_back = {
        key for key, value in before.items() if key[0].endswith(("_total", "_count", "_sum")) and value > old[key]
    }
    assert gone_back == set()
    for each in (old, new):
        assert each["signaling_cluster_takeover_seconds_count", ()] == 1
        assert each["signaling_cluster_takeover_seconds_sum", ()] > 0
        assert each["signaling_cluster_joins_total", ()] == each["signaling_cluster_member", ()] == 1


async def test_the_answers_of_redis_are_measured(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    for each in served.instances:
        first = await scrape(each)
        assert (
            first["signaling_redis_answer_seconds_count", ()]
            >= first["signaling_redis_answer_seconds_bucket", ("1.0",)]
            > 0
        )
        assert first["signaling_redis_answer_seconds_sum", ()] > 0
        assert 0 <= first["signaling_redis_silent_seconds", ()] < 60
    await (await served.connect()).join("ann")
    await served.settled()
    for each in served.instances:
        await until(lambda each=each: each.sidecar._hub.in_cluster().log_behind == 0, "the log is complete")
        assert (await scrape(each))["signaling_log_behind_records", ()] == 0


async def test_a_sidecar_that_redis_does_not_answer_shows_for_how_long(
    own_redis: RedisServer, aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, own_redis.url)
    own_redis.kill()
    for each in served.instances:
        before = (await scrape(each))["signaling_redis_silent_seconds", ()]
        while (after := await scrape(each))["signaling_redis_silent_seconds", ()] < before + 0.5:
            pass
        assert (after["signaling_ready", ()], after[OWNER]) == (0, each is served.owner)
    own_redis.start()


async def test_the_operators_page_names_the_metrics_that_only_a_cluster_has(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    there = {re.sub("_(count|sum|bucket)$", "", name) for name, _ in await scrape(served.owner)}
    about_all, _, about_clusters = OPERATORS.read_text("utf-8").partition("### Monitor a cluster")
    named = set(re.findall(r"`(signaling_\w+)`", about_clusters))
    assert named <= there
    others = {name for name in there - named if name.startswith("signaling_") and name not in about_all}
    assert others == {"signaling_build_info"}
