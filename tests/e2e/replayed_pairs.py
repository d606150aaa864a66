"""Peers that send what real browsers have sent in the recorded log of the second notebook, at the same intervals.

So a test gets the faults of that notebook without a browser for each peer.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import aiohttp

from signaling_sidecar.eventlog.segments import find_segments
from tests.kit.checkout import RECORDED
from tests.kit.sites import Site

SEVEN_FAULTS = RECORDED / "seven-faults"
LASTS_S = 16.0
"""How many seconds of each room are replayed. This is long enough for the diagnosis to find each fault."""


class Step(NamedTuple):
    at_s: float
    """Seconds after the first peer has joined."""
    peer: str
    frame: dict[str, Any]


def recorded_rooms() -> dict[str, list[Step]]:
    """Return a dict from the name of each room in the recorded log to the frames that its peers have sent."""
    records = defaultdict(list)
    for segment in find_segments(SEVEN_FAULTS).segments:
        for line in segment.read_text().splitlines():
            record = json.loads(line)
            if record.get("room") is not None:
                records[record["room"]].append(record)
    return {room: list(_steps(room, each)) for room, each in records.items()}


def _steps(room: str, records: Sequence[dict[str, Any]]) -> Iterator[Step]:
    for record in records:
        at_s, data = record["ts"] - records[0]["ts"], record.get("data")
        if at_s > LASTS_S:
            return
        match record["type"]:
            case "peer.joined":
                name = json.loads(data)["name"]
                join = {"type": "join", "roomId": room, "peerId": record["peer"], "name": name}
                yield Step(at_s, record["peer"], join)
            case "trace.state":
                # `c` and `a` are numbers that only frames of resumable sessions have. These sessions are not resumable.
                report = {key: value for key, value in json.loads(data).items() if key not in ("c", "a")}
                yield Step(at_s, record["peer"], report)
            case "signal.relayed":
                signal = {"type": record["kind"], "to": record["to"], **json.loads(data)}
                yield Step(at_s, record["peer"], signal)


async def replay(site: Site, session: aiohttp.ClientSession, steps: Sequence[Step]) -> None:
    """Send the frames through Vite, as pages of its origin do. On a busy machine too, an answer follows its offer.

    Afterwards, the peers stay in their rooms until this call is cancelled.
    """
    began_s = asyncio.get_running_loop().time()
    sockets: dict[str, aiohttp.ClientWebSocketResponse] = {}
    arrived: dict[str, asyncio.Queue[str]] = defaultdict(asyncio.Queue)
    async with asyncio.TaskGroup() as listening:
        for step in steps:
            await asyncio.sleep(began_s + step.at_s - asyncio.get_running_loop().time())
            if step.peer not in sockets:
                socket = await session.ws_connect(f"{site.url}ws/signaling", origin=site.url.rstrip("/"))
                sockets[step.peer] = socket
                listening.create_task(_listen(socket, arrived[step.peer]))
            await sockets[step.peer].send_json(step.frame)
            if "to" in step.frame:
                await arrived[step.frame["to"]].get()


async def _listen(socket: aiohttp.ClientWebSocketResponse, arrived: asyncio.Queue[str]) -> None:
    """Read all frames, because aiohttp answers pings only while it reads. Put each signal into `arrived`."""
    async for message in socket:
        frame = message.json()
        assert "error" not in frame["type"], message.data
        if "from" in frame:
            arrived.put_nowait(frame["type"])
