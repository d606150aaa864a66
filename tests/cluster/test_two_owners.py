"""If two owners try to restore the state that Redis has lost, only the first one succeeds."""

from __future__ import annotations

from signaling_sidecar.cluster.instance import Claimed, Instance, State
from signaling_sidecar.cluster.link import Link
from tests.kit.redis_server import RedisServer


async def test_of_two_owners_that_are_heard_of_the_second_one_comes_too_late(redis: RedisServer, link: Link) -> None:
    first, newcomer = (Instance(link, boot, 3.0, b"key") for boot in ("r0000001-aa", "r0000001-bb"))
    for instance in (first, newcomer):
        redis.empty()
        await instance.join(may_found=True)
        assert isinstance(await instance.claim(from_silent=False), Claimed)
    state = State(2, 1, 1, 1.0, b"{}", b"")
    assert await first.found_again("r0000002-aa", 1, state, was_heard_of=True)
    assert await newcomer.found_again("r0000002-bb", 1, state, was_heard_of=True) is None
