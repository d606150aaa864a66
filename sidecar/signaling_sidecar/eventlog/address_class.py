"""Classify the address in an ICE candidate."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

# `ip.is_private` is not used, because it includes loopback, link-local, documentation and a dozen other ranges.
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_SHARED = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598: used by carrier NAT and by overlay networks


def address_class(address: str) -> str:
    """Return the kind of the address in a candidate.

    Names are `mdns` (a `.local` name, which browsers use to hide the address) or `name` (any other name). IP addresses
    are `loopback`, `link-local`, `private` or `public`, with the suffix `-ipv6` for IPv6; `shared` (100.64.0.0/10, used
    by carrier NAT and overlay networks); or `reserved` (all others, such as multicast and 0.0.0.0).
    """
    # This check is first because most addresses are `.local` names, for which `ip_address` is slow to raise ValueError.
    # An address with a colon may be an IPv6 address whose zone id ends with `.local`.
    if ":" not in address and (address.endswith(".local") or _is_mdns(address)):
        return "mdns"
    return _class_of_ip_or_name(address)


def _is_mdns(name: str) -> bool:
    return name.lower().rstrip(".").endswith(".local")


@lru_cache(maxsize=1024)  # a log has few different addresses, and classifying one is slower than parsing its candidate
def _class_of_ip_or_name(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "mdns" if _is_mdns(address) else "name"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            kind = _ip_class(ip)
            return kind if kind == "reserved" else f"{kind}-ipv6"
        ip = ip.ipv4_mapped
    return _ip_class(ip)


def _ip_class(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if ip.is_loopback:
        return "loopback"
    if ip.is_link_local:
        return "link-local"
    if any(ip in network for network in _PRIVATE):
        return "private"
    if ip in _SHARED:
        return "shared"
    return "public" if ip.is_global and not ip.is_multicast else "reserved"
