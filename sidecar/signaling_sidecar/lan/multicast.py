"""Open multicast DNS on the network interfaces of this machine."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from zeroconf import IPVersion, NotRunningException
from zeroconf.asyncio import AsyncZeroconf

from signaling_sidecar.addresses import own_addresses
from signaling_sidecar.errors import NoMulticast

# zeroconf logs a warning with a traceback for each interface that is down, which is normal on a laptop.
logging.getLogger("zeroconf").setLevel(logging.ERROR)


@asynccontextmanager
async def multicast(address: str | None = None) -> AsyncIterator[AsyncZeroconf]:
    """Open multicast DNS on the interface with this address, or on all interfaces. Raises NoMulticast.

    At the end of the block, the records that were registered are withdrawn.
    """
    dns = _opened(address)
    try:
        await _started(dns)
        yield dns
    finally:
        await dns.async_close()


def ip_version() -> IPVersion:
    """Return the versions of IP that this machine has."""
    return IPVersion.All if socket.has_dualstack_ipv6() else IPVersion.V4Only


def _opened(address: str | None) -> AsyncZeroconf:
    # Checked here because zeroconf would fail for such an address without closing its sockets.
    if address is not None and address not in {str(own.net.ip) for own in own_addresses()}:
        raise NoMulticast(f"{address} is not an address of this machine")
    try:
        if address is not None:
            return AsyncZeroconf([address])
        return AsyncZeroconf(ip_version=ip_version())
    except (OSError, RuntimeError) as error:  # zeroconf raises RuntimeError if there is no interface
        raise NoMulticast(str(error)) from error


async def _started(dns: AsyncZeroconf) -> None:
    try:
        await dns.zeroconf.async_wait_for_start()
    except NotRunningException as error:
        raise NoMulticast("its sockets cannot be used") from error
