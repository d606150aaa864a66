"""Runs a cluster of several sidecars in this process, which tests use as if it were one sidecar."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.hub import RoomKey, commands
from signaling_sidecar.server import Sidecar
from signaling_sidecar.settings import Settings
from tests.kit import serving
from tests.kit.redis_server import RedisServer
from tests.kit.serving import Peer, Served

NO_ROOM = RoomKey("rooms", "no such room")


def is_owner(served: Served) -> bool:
    """Whether this sidecar is the owner of its cluster."""
    return served.sidecar._hub.hub_here() is not None


class ServedCluster(Served):
    """A cluster in this process. It connects each new client to the next instance, in turn."""

    def __init__(self, instances: list[Served]) -> None:
        super().__init__(instances[0].client, instances[0].sidecar)
        self.instances = instances
        self._next = itertools.cycle(instances)

    async def connect(self, path: str = "/ws/signaling", **options: Any) -> Peer:
        peer = await next(self._next).connect(path, **options)
        peer.settled = self.settled
        self._peers.append(peer)
        await self.settled()  # otherwise, an owner may not know a connection of another instance yet
        return peer

    async def stop(self) -> None:
        servers = [each.client.server for each in self.instances]
        await asyncio.gather(*(each.close() for each in servers), *(each.receives_the_end() for each in self._peers))

    @property
    def owner(self) -> Served:
        """The instance that owns the rooms."""
        return next(each for each in self.instances if is_owner(each))

    @property
    def front(self) -> Served:
        """An instance that is not the owner."""
        return next(each for each in self.instances if each is not self.owner)

    def records(self, type_: str | None = None) -> list[dict[str, Any]]:
        """The records in the owner's log, which it writes before it sends the frames."""
        return self.owner.records(type_)

    async def settled(self) -> None:
        """Wait until the owner has handled all frames, and all fronts have sent the answers.

        A command of the admin ensures this, because its answer reaches a front after all earlier messages of the owner.
        """
        for _ in range(2):
            for each in self.instances:
                assert await each.sidecar.rooms.administer(commands.CloseRoom(NO_ROOM)) is not None
            for each in self.instances:
                await each.settled()


async def serve_instance(client: AiohttpClient, folder: Path, url: str, **settings: Any) -> Served:
    """Serve a sidecar in this process that joins a cluster."""
    defaults = Settings(state_dir=folder, project=folder, cluster=url, cluster_lease_s=1.0)
    sidecar = Sidecar(replace(defaults, **settings))
    return Served(await client(sidecar.app()), sidecar)


async def serve_cluster(
    client: AiohttpClient, folder: Path, url: str, count: int = 2, **settings: Any
) -> ServedCluster:
    folders = [folder, *(folder / f"instance-{number}" for number in range(2, count + 1))]
    served = ServedCluster([await serve_instance(client, each, url, project=folder, **settings) for each in folders])
    await served.settled()  # until then, no instance is the owner, and there is no log
    return served


class Databases:
    """The databases of a Redis server: each cluster of a test uses a different one."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._numbers: dict[Path, int] = {}

    def url(self, folder: Path) -> str:
        """Return the URL of the database of the cluster with this state folder."""
        return self._server.url_of(self._numbers.setdefault(folder, len(self._numbers)))

    def empty(self) -> None:
        self._numbers.clear()
        self._server.empty()


def serve_clusters(count: int, databases: Databases) -> None:
    """Let `serve` start clusters of `count` instances from now on."""

    async def serve_one(client: AiohttpClient, folder: Path, **settings: Any) -> Served:
        return await serve_cluster(client, folder, databases.url(folder), count, **settings)

    serving.in_cluster = serve_one
