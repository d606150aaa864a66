"""Multicast DNS on this machine's interfaces."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from zeroconf import IPVersion, NotRunningException
from zeroconf.asyncio import AsyncZeroconf

from signaling_sidecar.errors import NoMulticast

# It warns, with a traceback, of every interface that is down, which those of a laptop are every now and then.
logging.getLogger("zeroconf").setLevel(logging.ERROR)


@asynccontextmanager
async def multicast(addresses: Sequence[str] = ()) -> AsyncIterator[AsyncZeroconf]:
    """On the interfaces that have these addresses, else on all. What was registered is withdrawn at the end.

    Raises NoMulticast.
    """
    dns = _opened(addresses)
    try:
        await _started(dns)
        yield dns
    finally:
        await dns.async_close()


def _opened(addresses: Sequence[str]) -> AsyncZeroconf:
    try:
        if addresses:
            return AsyncZeroconf(list(addresses))
        return AsyncZeroconf(ip_version=IPVersion.All if socket.has_dualstack_ipv6() else IPVersion.V4Only)
    except (OSError, RuntimeError) as error:  # RuntimeError: no interface has such an address
        raise NoMulticast(str(error)) from error


async def _started(dns: AsyncZeroconf) -> None:
    try:
        await dns.zeroconf.async_wait_for_start()
    except NotRunningException as error:
        raise NoMulticast("its sockets cannot be used") from error
