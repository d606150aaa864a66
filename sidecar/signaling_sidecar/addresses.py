"""The addresses of this machine, and which of them another device could come by."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Interface
from typing import NamedTuple


class AddressKind(StrEnum):
    """What an address is on, the best for a phone in the same room first."""

    LAN = "lan"
    VPN = "vpn"
    LINK_LOCAL = "link-local"
    VIRTUAL = "virtual"
    """A bridge to containers or virtual machines of this machine: no phone is there."""
    LOOPBACK = "loopback"


# Interfaces as Linux, macOS and Windows name them. A plain `br0` or `br-lan` is a real network's bridge.
_VPN_NAME = re.compile(
    r"(u?tun|tap|wg|ppp|ipsec|tailscale|zt|ham|nordlynx|proton|cscotun|gpd)[\d_-]|tailscale|nordlynx|.*(vpn|wireguard|zerotier)",
    re.IGNORECASE,
)
_VIRTUAL_NAME = re.compile(
    r"docker|podman|veth|virbr|vmnet|vboxnet|lxcbr|lxdbr|incusbr|cni|flannel|cali|kube|br-[0-9a-f]{12}$"
    r"|bridge1\d\d|awdl|llw|anpi"  # macOS: of its virtual machines, and of AirDrop
    r"|vethernet|.*(hyper-v|virtualbox|vmware)",
    re.IGNORECASE,
)
_VPN_NETWORKS = (
    ipaddress.ip_network("100.64.0.0/10"),  # RFC 6598: a carrier's, and Tailscale's
    ipaddress.ip_network("fd7a:115c:a1e0::/48"),  # Tailscale's
)


class Address(NamedTuple):
    """One address of an interface. `net` is the address with its network: `192.168.1.7/24`."""

    interface: str
    net: IPv4Interface | IPv6Interface
    kind: AddressKind

    @property
    def host(self) -> str:
        """As it is written in a URL."""
        return f"[{self.net.ip}]" if self.net.version == 6 else str(self.net.ip)

    @property
    def in_a_url(self) -> bool:
        """Whether a browser on another device can be given it: an IPv6 one with a zone means nothing elsewhere."""
        return not (self.net.version == 6 and self.kind is AddressKind.LINK_LOCAL)


def own_addresses() -> list[Address]:
    """All addresses of this machine, the best first: LAN before VPN before bridges, IPv4 before IPv6."""
    return best_first(address_of(interface, text) for interface, text in _configured())


def best_first(addresses: Iterable[Address]) -> list[Address]:
    rank = list(AddressKind).index
    return sorted(addresses, key=lambda address: (rank(address.kind), address.net.version))


def address_of(interface: str, text: str) -> Address:
    """The address `text` (with its prefix length: `10.0.0.1/8`) of an interface with that name."""
    net = ipaddress.ip_interface(text)
    return Address(interface, net, _kind(interface, net))


def _kind(interface: str, net: IPv4Interface | IPv6Interface) -> AddressKind:
    if net.ip.is_loopback:
        return AddressKind.LOOPBACK
    if _VIRTUAL_NAME.match(interface):
        return AddressKind.VIRTUAL
    if _VPN_NAME.match(interface) or any(net.ip in network for network in _VPN_NETWORKS):
        return AddressKind.VPN
    return AddressKind.LINK_LOCAL if net.ip.is_link_local else AddressKind.LAN


def _configured() -> Iterator[tuple[str, str]]:
    import ifaddr  # it looks for the C library with other programs, which takes its time

    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, tuple):
                address, _, scope = ip.ip
                yield (
                    adapter.nice_name,
                    f"{address}%{scope}/{ip.network_prefix}" if scope else f"{address}/{ip.network_prefix}",
                )
            else:
                yield adapter.nice_name, f"{ip.ip}/{ip.network_prefix}"
