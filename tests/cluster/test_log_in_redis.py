"""Redis keeps only the newest part of the event log."""

from __future__ import annotations

from redis import Redis

from signaling_sidecar.cluster.instance import Instance, Step
from signaling_sidecar.cluster.link import Link
from signaling_sidecar.cluster.scripts import KEPT_BYTES
from tests.kit.redis_server import RedisServer

LINES = b"x" * 999_999 + b"\n"


async def test_the_log_in_redis_begins_with_a_checkpoint_and_keeps_enough_for_those_who_read_late(
    redis: RedisServer,
) -> None:
    link = Link(redis.url, None)
    instance = Instance(link, "r0000001-boot", 1.0, b"key")
    await instance.join(may_found=True)
    await instance.claim(from_silent=False)
    for number in range(1, 101):
        checkpoint = b"{}" if number % 4 == 1 else None
        await instance.commit(1, Step(number, "0-0", LINES, number, 1.0, [], {}, checkpoint, b""))
    await link.close()
    with Redis(port=redis.port) as client:
        entries = [fields for _, fields in client.xrange("signaling-sidecar:log")]
    assert b"checkpoint" in entries[0]
    kept_bytes = sum(len(fields.get(b"lines", b"")) for fields in entries)
    assert KEPT_BYTES <= kept_bytes < KEPT_BYTES + 8 * len(LINES)
