"""Whether another device could open the page, at which addresses, and what a browser allows it there."""

from __future__ import annotations

import ipaddress
from collections.abc import Generator, Iterator, Sequence
from urllib.parse import urlsplit

from signaling_sidecar.addresses import Address, AddressKind
from signaling_sidecar.doctor.asking import NoAnswer, certificate_fault, get
from signaling_sidecar.doctor.finding import Finding, note, ok, wrong, wrong_if
from signaling_sidecar.doctor.vite import Vite
from signaling_sidecar.untrusted_text import visible

LAN_OPTION = "signaling({ lan: true }) in vite.config.js, which also serves https"
_KIND_WORDS = {
    AddressKind.VPN: "VPN",
    AddressKind.LINK_LOCAL: "link-local, this cable only",
    AddressKind.VIRTUAL: "containers or virtual machines",
}


def of_addresses(addresses: Sequence[Address], *, for_others: bool) -> Finding:
    """Name the addresses of this machine, and say which are nothing for a phone.

    `for_others`: other devices are meant to open the page, so that it is a fault when they cannot.
    """
    lan = [address for address in addresses if address.kind is AddressKind.LAN]
    named = ", ".join(f"{address.net.ip} ({visible(address.interface)})" for address in lan)
    rest = ", ".join(
        f"{address.net.ip} ({visible(address.interface)}: {_KIND_WORDS[address.kind]})"
        for address in addresses
        if address.kind in _KIND_WORDS and address.in_a_url
    )
    others = f"; not for a phone: {rest}" if rest else ""
    if not lan:
        sentence = f"this machine has no address on a local network{others}"
        remedy = "for other devices: join the Wi-Fi that they are in, or plug in the cable"
        return wrong_if(for_others, "no-lan-address", sentence, remedy)
    return ok("lan-address", f"this machine's address on the local network: {named}{others}")


def of_network(
    vite: Vite, known: Sequence[str], addresses: Sequence[Address], *, for_others: bool
) -> Generator[Finding, None, list[str]]:
    """Open the page by each address of this machine that others could use; the URLs that answer come back.

    `known`: where Vite's plugin says the pages are. `for_others`: as for `of_addresses`.
    """
    if not vite.is_local:
        return [vite.url]
    ours = [address for address in addresses if address.kind in (AddressKind.LAN, AddressKind.VPN) and address.in_a_url]
    gone = [url for url in known if _is_gone(url, addresses)]
    if gone:
        sentence = f"{visible(', '.join(gone))} is no address of this machine any more: has it changed networks?"
        yield wrong("address-gone", sentence, "start Vite again, so that its links and QR codes lead to the new one")
    urls = [url for url in known if url not in gone]
    urls = list(dict.fromkeys([*urls, *(_with_host(vite.url, address.host) for address in ours)]))
    open_ = [url for url in urls if _answers(url)]
    if not open_ and urls:
        sentence = "Vite listens on localhost only: no other device can open the page"
        remedy = f"for other devices: start Vite with --host, or use {LAN_OPTION}"
        yield wrong_if(for_others, "vite-localhost-only", sentence, remedy)
    elif open_:
        hint = (
            "if a device cannot open it all the same: is it in this network (no guest Wi-Fi, no VPN), is a firewall on?"
        )
        yield ok("on-the-network", f"Vite is on the network: {visible(', '.join(open_))}", hint)
        closed = [url for url in urls if url not in open_]
        if closed:
            yield note("address-closed", f"Vite does not answer at {visible(', '.join(closed))}")
    return open_


def of_context(urls: Sequence[str]) -> Iterator[Finding]:
    """Whether a browser takes the pages at these URLs, which are for other devices, for secure contexts."""
    insecure = [url for url in urls if urlsplit(url).scheme != "https"]
    secure = [url for url in urls if url not in insecure]
    if insecure:
        sentence = (
            f"{visible(', '.join(insecure))}: no secure context, so browsers there have no camera, no microphone and no"
            " clipboard; data channels and receiving work"
        )
        yield wrong("insecure-page", sentence, f"serve it over https: {LAN_OPTION}")
    if not secure:
        return
    yield ok("secure-page", f"{visible(secure[0])} is a secure context")
    fault = certificate_fault(secure[0])
    if fault is not None:
        sentence = (
            f"browsers ask before they trust the certificate ({visible(fault)}), and iOS refuses the WebSocket then"
        )
        yield note(
            "certificate-untrusted",
            sentence,
            "for iPhones: install its authority; with lan: true the page has it at /@signaling/authority.crt",
        )


def _is_gone(url: str, addresses: Sequence[Address]) -> bool:
    """Whether the URL's host is an address, and none of this machine's."""
    try:
        ip = ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return ip not in [address.net.ip for address in addresses]


def _with_host(url: str, host: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=host if parts.port is None else f"{host}:{parts.port}").geturl()


def _answers(url: str) -> bool:
    try:
        get(url)
    except NoAnswer:
        return False
    return True
