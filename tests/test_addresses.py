"""The addresses of a machine are classified by their network. The most useful address for a phone comes first."""

from __future__ import annotations

import pytest

from signaling_sidecar.addresses import address_of, best_first, own_addresses


@pytest.mark.parametrize(
    ("interface", "text", "kind"),
    [
        ("lo", "127.0.0.1/8", "loopback"),
        ("lo", "::1/128", "loopback"),
        ("eth0", "10.0.40.44/16", "lan"),
        ("wlp3s0", "192.168.1.7/24", "lan"),
        ("en0", "fd00::2/64", "lan"),
        ("Wi-Fi", "192.168.1.7/24", "lan"),
        ("br0", "192.168.1.7/24", "lan"),
        ("br-lan", "192.168.1.1/24", "lan"),
        ("eth0", "203.0.113.9/24", "lan"),
        ("wlan0", "169.254.7.7/16", "link-local"),
        ("eth0", "fe80::1%2/64", "link-local"),
        ("tun0", "10.8.0.2/24", "vpn"),
        ("utun4", "fe80::1%9/64", "vpn"),
        ("wg0", "10.8.0.2/24", "vpn"),
        ("wg-home", "10.8.0.2/24", "vpn"),
        ("tailscale0", "100.100.1.2/32", "vpn"),
        ("Tailscale", "100.100.1.2/32", "vpn"),
        ("eth0", "100.64.0.1/10", "vpn"),
        ("en5", "fd7a:115c:a1e0::7/128", "vpn"),
        ("docker0", "172.17.0.1/16", "virtual"),
        ("br-1a2b3c4d5e6f", "172.18.0.1/16", "virtual"),
        ("veth12ab", "fe80::1%5/64", "virtual"),
        ("virbr0", "192.168.122.1/24", "virtual"),
        ("bridge100", "192.168.64.1/24", "virtual"),
        ("vEthernet (WSL)", "172.20.0.1/20", "virtual"),
    ],
)
def test_an_address_is_classified_by_its_interface_and_its_range(interface: str, text: str, kind: str) -> None:
    assert address_of(interface, text).kind == kind


def test_the_lan_is_preferred_to_a_vpn_and_ipv4_to_ipv6() -> None:
    addresses = [
        address_of("lo", "127.0.0.1/8"),
        address_of("docker0", "172.17.0.1/16"),
        address_of("tun0", "10.8.0.2/24"),
        address_of("eth0", "fe80::1%2/64"),
        address_of("eth0", "fd00::2/64"),
        address_of("eth0", "10.0.40.44/16"),
    ]
    hosts = [address.host for address in best_first(addresses)]
    assert hosts == ["10.0.40.44", "[fd00::2]", "10.8.0.2", "[fe80::1]", "172.17.0.1", "127.0.0.1"]


def test_an_ipv6_address_with_a_zone_is_not_used_in_urls() -> None:
    assert not address_of("eth0", "fe80::1%2/64").in_a_url
    assert address_of("eth0", "169.254.7.7/16").in_a_url
    assert address_of("eth0", "fd00::2/64").in_a_url


def test_the_loopback_address_of_this_machine_is_last() -> None:
    addresses = own_addresses()
    assert "127.0.0.1" in [address.host for address in addresses]
    assert addresses[-1].kind == "loopback"
