"""A sidecar of a cluster replaces its code while it runs."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from signaling_sidecar.inspection import open_log
from tests.kit.copied_code import copy_package, served_from
from tests.kit.receiving import receive, receive_json
from tests.kit.redis_server import RedisServer


async def test_sessions_go_on_when_the_only_sidecar_of_a_cluster_has_new_code(
    tmp_path: Path, redis: RedisServer
) -> None:
    folder = copy_package(tmp_path / "source")
    async with (
        served_from(folder, tmp_path, env={"SIDECAR_CLUSTER": redis.url}) as copied,
        aiohttp.ClientSession() as session,
    ):
        url = f"{copied.url}/ws/signaling"
        for number in range(2):
            ann = await session.ws_connect(url)
            join = {"type": "join", "roomId": "bar", "peerId": "ann"}
            await ann.send_json({**join, "resume": True})
            token = (await receive_json(ann))["resume"]["token"]
            copied.save(f"\nHOME_TEXT = 'new code {number}\\n'\n")
            assert (await receive(ann)).data == 1012
            ann = await session.ws_connect(url)
            await ann.send_json({**join, "resume": {"token": token, "after": 0}})
            assert (await receive_json(ann))["type"] == "resumed"
            assert await copied.home(session) == f"new code {number}\n"
            await ann.send_json({"type": "leave"})
            await ann.close()
        assert "Traceback" not in "\n".join(copied.program.lines)
    types = [record.type for record in open_log(tmp_path / "state").events.itertuples()]
    assert types.count("server.reloaded") == 2
