"""Pseudonyms for values that must not be shared. Only this module decides which value gets which pseudonym.

1. A value has the same pseudonym everywhere in a copy of the log. The pseudonym begins with the kind of the value's
   first occurrence, such as `peer` in `peer-3`.
2. Two different values never have the same pseudonym, so equal values stay equal and different values stay different.
3. The pseudonym of an address is an address of the same kind. A private address stays in its private range. Private
   addresses in the same /24 network get pseudonyms in the same /24 network. `.local` names stay `.local` names. Public
   addresses become addresses that are reserved for documentation (RFC 5737, RFC 3849) or for benchmarks (RFC 2544).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable

_KEPT = frozenset({"127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 - they identify no machine
_BLOCKS = tuple(
    map(
        ipaddress.IPv4Network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"),
    )
)
_SUBNET_BITS = 8  # host bits of a /24, which the diagnosis treats as one network
_FIRST_SUBNET = 77  # for example 192.168.77.0/24; not 0 or 1, which real home networks often have
_DOCUMENTATION = ipaddress.IPv4Address("203.0.113.0")  # RFC 5737
_DOCUMENTATION_HOSTS = 254  # usable addresses in that network
_BENCHMARKS = ipaddress.IPv4Address("198.18.0.0")  # RFC 2544: used when the documentation network is exhausted
_DOCUMENTATION_6 = ipaddress.IPv6Address("2001:db8::")  # RFC 3849
_LINK_LOCAL_6 = ipaddress.IPv6Address("fe80::")
_PRIVATE_6 = ipaddress.IPv6Network("fc00::/7")
_PRIVATE_6_BASE = ipaddress.IPv6Address("fd00::")
_HOST_BITS_6 = 64  # host bits of a /64, the usual IPv6 subnet


class Pseudonyms:
    """The pseudonyms in one redacted copy of a log."""

    def __init__(self) -> None:
        self._by_value: dict[str, str] = {}
        self._numbers: dict[Hashable, dict[Hashable, int]] = {}

    def of(self, value: str, kind: str) -> str:
        """Return the pseudonym of a value. A new pseudonym begins with `kind`, such as `peer` in `peer-3`. An empty
        text stays empty."""
        if value not in self._by_value:
            self._by_value[value] = self._new(value, kind) if value else ""
        return self._by_value[value]

    def number(self, value: Hashable, kind: Hashable) -> int:
        """Number the values of a kind, counted from 1. An equal value gets the same number again."""
        numbers = self._numbers.setdefault(kind, {})
        return numbers.setdefault(value, len(numbers) + 1)

    def _new(self, value: str, kind: str) -> str:
        try:
            return self._address(ipaddress.ip_address(value))
        except ValueError:
            is_mdns = value.lower().rstrip(".").endswith(".local")
            return f"name-{self.number(value, 'name')}.local" if is_mdns else f"{kind}-{self.number(value, kind)}"

    def _address(self, ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
        if str(ip) in _KEPT:
            return str(ip)
        if isinstance(ip, ipaddress.IPv4Address):
            return str(self._ipv4(ip))
        if ip.ipv4_mapped is not None:
            return f"::ffff:{self._address(ip.ipv4_mapped)}"
        return str(self._ipv6(ip))

    def _ipv4(self, ip: ipaddress.IPv4Address) -> ipaddress.IPv4Address:
        for block in _BLOCKS:
            if ip in block:
                subnet = int(ip) >> _SUBNET_BITS
                index = (self.number(subnet, block) + _FIRST_SUBNET - 1) % (block.num_addresses >> _SUBNET_BITS)
                host = self.number(ip, subnet) % (1 << _SUBNET_BITS)
                return block.network_address + (index << _SUBNET_BITS) + host
        number = self.number(ip, "ipv4")
        return _DOCUMENTATION + number if number <= _DOCUMENTATION_HOSTS else _BENCHMARKS + number

    def _ipv6(self, ip: ipaddress.IPv6Address) -> ipaddress.IPv6Address:
        packed = int(ip)  # without the zone, which is the name of a network interface
        if ip.is_link_local:
            return _LINK_LOCAL_6 + self.number(packed, "fe80")
        if ip in _PRIVATE_6:
            subnet = packed >> _HOST_BITS_6
            host = self.number(packed, ("fc00", subnet))
            return _PRIVATE_6_BASE + (self.number(subnet, "fc00") << _HOST_BITS_6) + host
        return _DOCUMENTATION_6 + self.number(packed, "ipv6")
