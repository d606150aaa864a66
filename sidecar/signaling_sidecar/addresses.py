"""The IP addresses of this machine, and which of them other devices can use to reach it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Interface
from typing import NamedTuple


class AddressKind(StrEnum):
    """The kind of network that an address belongs to.

    The kinds are in the order in which a nearby phone should try the addresses.
    """

    LAN = "lan"
    VPN = "vpn"
    LINK_LOCAL = "link-local"
    VIRTUAL = "virtual"
    """A virtual network of this machine for its containers or virtual machines. A phone cannot reach it."""
    LOOPBACK = "loopback"


# Names of network interfaces on Linux, macOS and Windows. `br0` and `br-lan` are absent because they are usually
# bridges to a real network.
_VPN_NAME = re.compile(
    r"(u?tun|tap|wg|ppp|ipsec|tailscale|zt|ham|nordlynx|proton|cscotun|gpd)[\d_-]|tailscale|nordlynx|.*(vpn|wireguard|zerotier)",
    re.IGNORECASE,
)
_VIRTUAL_NAME = re.compile(
    r"docker|podman|veth|virbr|vmnet|vboxnet|lxcbr|lxdbr|incusbr|cni|flannel|cali|kube|br-[0-9a-f]{12}$"
    r"|bridge1\d\d|awdl|llw|anpi"  # macOS: interfaces for virtual machines and AirDrop
    r"|vethernet|.*(hyper-v|virtualbox|vmware)",
    re.IGNORECASE,
)
_VPN_NETWORKS = (
    ipaddress.ip_network("100.64.0.0/10"),  # RFC 6598: used by carriers for shared addresses, and by Tailscale
    ipaddress.ip_network("fd7a:115c:a1e0::/48"),  # used by Tailscale
)


class Address(NamedTuple):
    """One address of a network interface. `net` is the address with its prefix length, such as `192.168.1.7/24`."""

    interface: str
    net: IPv4Interface | IPv6Interface
    kind: AddressKind

    @property
    def host(self) -> str:
        """The address in the form that a URL needs: IPv6 addresses are in brackets."""
        return f"[{self.net.ip}]" if self.net.version == 6 else str(self.net.ip)

    @property
    def in_a_url(self) -> bool:
        """Whether a URL with this address works on another device.

        A link-local IPv6 address does not work there, because it needs a zone that is only valid on this machine.
        """
        return not (self.net.version == 6 and self.kind is AddressKind.LINK_LOCAL)


def own_addresses() -> list[Address]:
    """List all addresses of this machine, in the order of `AddressKind`, with IPv4 before IPv6."""
    return best_first(address_of(interface, text) for interface, text in _configured())


def best_first(addresses: Iterable[Address]) -> list[Address]:
    rank = list(AddressKind).index
    return sorted(addresses, key=lambda address: (rank(address.kind), address.net.version))


def address_of(interface: str, text: str) -> Address:
    """Parse the `text` of an address with its prefix length, such as `10.0.0.1/8`. `interface` has this address."""
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
    import ifaddr  # imported here, because the import is slow: `ifaddr` runs other programs to find the C library

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
