"""The log records how each sidecar of a cluster ended, and which peers lost their connection with it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from signaling_sidecar.inspection import open_log
from tests.e2e.plain_peers import joining
from tests.kit.cluster_processes import Instance, cluster_processes
from tests.kit.programs import until
from tests.kit.redis_server import RedisServer


async def test_a_peer_is_away_when_its_sidecar_is_lost_or_stops_or_all_are_killed(
    tmp_path: Path, redis: RedisServer
) -> None:
    """Three peers join at sidecars that end in different ways, and a fourth at a sidecar that is killed at the end.

    No peer reconnects.
    """
    async with cluster_processes(tmp_path, redis) as cluster, joining() as join:
        owner, [front, stops] = await cluster.owner(), await cluster.fronts()
        numbers = [cluster.number(each) for each in (owner, front, stops)]
        for sidecar, peer in ((owner, "of the owner"), (front, "of a front"), (stops, "of one that stops")):
            await join(sidecar, "bar", peer, resume=True)
        last = await cluster.start()
        numbers.append(cluster.number(last))
        await join(last, "bar", "of the last", resume=True)

        await front.kill()
        await is_logged(last, "instance.left", {"instance": numbers[1], "stopped": False})
        stops.send(signal.SIGTERM)
        await is_logged(last, "instance.left", {"instance": numbers[2], "stopped": True})
        await owner.kill()
        await is_logged(last, "owner.changed", {"instance": numbers[3], "fence": 2, "before": numbers[0]})
        [closed] = [read(each) for each in last.records() if is_end_of(each, "of one that stops")]
        assert closed["code"] == 1012, "what a sidecar tells last is lost"
        assert away(last) == ["of a front", "of one that stops", "of the owner"]
        await last.kill()
        again = await cluster.start()
        await cluster.owner()
        await is_logged(again, "server.restored", None)

        numbers.append(cluster.number(again))

    timeline = open_log([each.state_dir for each in cluster.instances]).timeline("bar")
    labels = [moment.label for moment in timeline.attendance.moments]
    assert labels == [
        "room created",
        f"sidecar {numbers[3]} joined the cluster",
        f"sidecar {numbers[1]} of the cluster was lost",
        f"sidecar {numbers[2]} of the cluster stopped",
        f"sidecar {numbers[0]} of the cluster was lost",
        f"sidecar {numbers[3]} has the rooms now",
        "sidecar restarted",
        f"sidecar {numbers[3]} of the cluster was lost",
        f"sidecar {numbers[4]} has the rooms now",
        f"sidecar {numbers[4]} joined the cluster",
    ]
    assert [(row.peer, str(row.spans[-1].presence)) for row in timeline.attendance.rows] == [
        (peer, "away") for peer in ("of the owner", "of a front", "of one that stops", "of the last")
    ]


async def is_logged(sidecar: Instance, type_: str, data: dict[str, Any] | None) -> None:
    def found() -> bool:
        return any(each["type"] == type_ and read(each) == data for each in sidecar.records())

    await until(found, f"the log of {sidecar} has {type_} with {data}")


def is_end_of(record: dict[str, Any], peer: str) -> bool:
    return (record["type"], record.get("peer")) == ("connection.closed", peer)


def away(sidecar: Instance) -> list[str]:
    """The peers that have lost their connection, in the order of the log."""
    return [each["peer"] for each in sidecar.records() if each["type"] == "peer.away"]


def read(record: dict[str, Any]) -> Any:
    return json.loads(record["data"]) if "data" in record else None
