"""Multicast DNS on this machine's interfaces."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from zeroconf import IPVersion, NotRunningException
from zeroconf.asyncio import AsyncZeroconf

from signaling_sidecar.addresses import own_addresses
from signaling_sidecar.errors import NoMulticast

# It warns, with a traceback, of every interface that is down, which those of a laptop are every now and then.
logging.getLogger("zeroconf").setLevel(logging.ERROR)


@asynccontextmanager
async def multicast(address: str | None = None) -> AsyncIterator[AsyncZeroconf]:
    """On the interface that has this address, else on all. What was registered is withdrawn at the end.

    Raises NoMulticast.
    """
    dns = _opened(address)
    try:
        await _started(dns)
        yield dns
    finally:
        await dns.async_close()


def _opened(address: str | None) -> AsyncZeroconf:
    # Asked first: zeroconf leaves a socket open when it finds out by itself.
    if address is not None and address not in {str(own.net.ip) for own in own_addresses()}:
        raise NoMulticast(f"{address} is no address of this machine")
    try:
        if address is not None:
            return AsyncZeroconf([address])
        return AsyncZeroconf(ip_version=IPVersion.All if socket.has_dualstack_ipv6() else IPVersion.V4Only)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no interface
        raise NoMulticast(str(error)) from error


async def _started(dns: AsyncZeroconf) -> None:
    try:
        await dns.zeroconf.async_wait_for_start()
    except NotRunningException as error:
        raise NoMulticast("its sockets cannot be used") from error
