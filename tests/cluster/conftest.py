"""Fixtures that start a Redis server for the tests of clusters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from signaling_sidecar.cluster.instance import Claimed, Instance
from signaling_sidecar.cluster.link import Link
from tests.kit.certificate import create_certificate, loopback
from tests.kit.redis_server import RedisServer, running_redis


@pytest.fixture(scope="session")
def _redis_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(_redis_of_session: RedisServer) -> RedisServer:
    """An empty Redis server."""
    _redis_of_session.empty()
    return _redis_of_session


@pytest.fixture
async def link(redis: RedisServer) -> AsyncIterator[Link]:
    """A `Link`: the connections with which a sidecar uses the Redis server."""
    link = Link(redis.url, None)
    yield link
    await link.close()


@pytest.fixture
async def release_rooms(link: Link) -> Callable[[], Awaitable[None]]:
    """Let an instance become the owner of all rooms, but handle no message. The fixture is a function by which this
    instance releases the rooms, so that a sidecar can become the owner."""
    silent = Instance(link, "r0000001-aa", 60.0, b"key")
    await silent.join(may_found=True)
    claimed = await silent.claim(from_silent=False)
    assert isinstance(claimed, Claimed)
    return partial(silent.release, claimed.fence)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server that a test may stop and kill."""
    with running_redis(tmp_path / "redis") as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the certificate of `encrypting_redis`, which no authority has signed, and its key."""
    return create_certificate(tmp_path_factory.mktemp("certificate") / "redis.pem", loopback())


@pytest.fixture(scope="session")
def encrypting_redis(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[RedisServer]:
    """A Redis server that also listens at a port with TLS."""
    with running_redis(tmp_path_factory.mktemp("redis"), certificate=certificate) as server:
        yield server
